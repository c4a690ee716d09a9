"""A customer's phone, a till, and connections beside the test's own."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection

from tests.factories import benefits as made
from tests.factories.requests import payer
from wallets.models import Phone


@pytest.fixture
def shopper(db):
    return payer()


@pytest.fixture
def customer(shopper):
    return Phone.objects.get(device=shopper.phone).customer


@pytest.fixture
def till(db):
    return made.counter()


@pytest.fixture
def at_once():
    """Run functions at once, each on a connection of its own; return what each gave or raised."""

    def run_and_close(function):
        try:
            return function()
        finally:
            connection.close()

    def run(functions):
        with ThreadPoolExecutor(max_workers=len(functions)) as pool:
            asked = [pool.submit(run_and_close, function) for function in functions]
        return [one.exception() or one.result() for one in asked]

    return run
