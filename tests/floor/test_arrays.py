"""Small tools of the floor that postings lean on."""

import gc
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection

from config import arrays, garbage, references
from config.wire import base32


class Broken(Exception):
    pass


@pytest.mark.django_db
@pytest.mark.parametrize("values", [[], [0], [-(2**63), 2**63 - 1, 7]])
def test_an_array_arrives_as_it_is(values):
    with connection.cursor() as cursor:
        cursor.execute("SELECT %s::bigint[]", [arrays.of(values)])
        assert cursor.fetchone() == (values,)


def test_columns_stand_beside_each_other():
    assert arrays.columns([(1, 2), (3, 4)], width=2) == ["{1,3}", "{2,4}"]
    assert arrays.columns([], width=2) == ["{}", "{}"]


@pytest.mark.django_db
@pytest.mark.parametrize("values", [[], [b""], [b"\x00\xff", b'"{},\\', bytes(range(256))]])
def test_postgresql_reads_byte_strings_as_they_were_written(values):
    with connection.cursor() as cursor:
        cursor.execute("SELECT %s::bytea[]", [arrays.of_bytes(values)])
        assert [bytes(value) for value in cursor.fetchone()[0]] == values


@pytest.mark.django_db
@pytest.mark.parametrize(
    "values", [[], [""], ["NULL", "null", " a, b "], ['"', "\\", '{"\\"}', "가"]]
)
def test_postgresql_reads_texts_as_they_were_written(values):
    with connection.cursor() as cursor:
        cursor.execute("SELECT %s::varchar[]", [arrays.of_texts(values)])
        assert cursor.fetchone() == (values,)


def test_many_references_are_as_good_as_one_by_one_and_ascend():
    drawn = references.many("PAY", 1000)

    assert len(set(drawn)) == 1000
    assert drawn == sorted(drawn)
    for reference in drawn:
        prefix, _, digits = reference.partition("-")
        assert (prefix, len(digits)) == ("PAY", 10)
        assert base32.decode(digits) < 2**50


def test_the_collector_is_left_alone_until_the_last_thread_is_done():
    with ThreadPoolExecutor(1) as beside:
        with garbage.left_alone():
            beside.submit(_leave_alone_for_a_moment).result()
            assert not gc.isenabled(), "a thread that was done switched it on"
        assert gc.isenabled()


def _leave_alone_for_a_moment():
    with garbage.left_alone():
        pass


@pytest.mark.parametrize("fails", [False, True])
def test_the_collector_is_back_afterwards(fails):
    def work():
        with garbage.left_alone():
            assert not gc.isenabled()
            with garbage.left_alone():
                pass
            assert not gc.isenabled()
            if fails:
                raise Broken

    if fails:
        with pytest.raises(Broken):
            work()
    else:
        work()

    assert gc.isenabled()
