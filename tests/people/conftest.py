"""A tenant of each kind, and the floor's own pages alone: what the apps add is tested with them."""

import pytest

from config.roles import KIND_OF
from tests.factories import benefits, issuers
from tests.factories.merchants import MerchantFactory


@pytest.fixture(autouse=True)
def floor_alone(settings, request):
    if "whole_house" not in request.fixturenames:
        settings.NAV = ["config.portal.nav.items"]
        settings.HOME = ["config.portal.desk"]


@pytest.fixture
def whole_house():
    """Ask for what the apps add as well."""


@pytest.fixture
def issuer(db):
    return issuers.issuer()


@pytest.fixture
def merchant(db):
    return MerchantFactory()


@pytest.fixture
def tenant_of(issuer, merchant):
    """Return the reference a role's membership has."""
    references = {
        "ISSUER": issuer.reference,
        "MERCHANT": merchant.reference,
        "SPONSOR": benefits.sponsor().reference,
    }
    return lambda role: references.get(KIND_OF[role], "")


@pytest.fixture
def mailed(django_capture_on_commit_callbacks, mailoutbox):
    """Return a context in which mails go out as they do on commit; read them from ``.outbox``."""

    class Mailed:
        outbox = mailoutbox

        def __enter__(self):
            self.capture = django_capture_on_commit_callbacks(execute=True)
            self.capture.__enter__()
            return self

        def __exit__(self, *fault):
            return self.capture.__exit__(*fault)

        def path(self):
            """Return the path of the only link in the newest mail."""
            body = self.outbox[-1].body
            link = next(line for line in body.splitlines() if line.startswith("http"))
            return "/" + link.split("/", 3)[3]

    return Mailed()
