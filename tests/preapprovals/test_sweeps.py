"""One number or redemption that cannot be ended is told of, and holds up none of the others."""

from datetime import timedelta

import pytest
from django.db import connection

from config.models import Alert
from settlement.models import Preapproval, Redemption
from settlement.services import preapprovals, redemptions, stuck
from tests.factories import preapprovals as made

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)
BAD = """
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
  $$ BEGIN RAISE EXCEPTION 'planted'; END $$;
CREATE TRIGGER bad BEFORE UPDATE ON settlement_preapproval FOR EACH ROW
  WHEN (NEW.reference = current_setting('tests.bad', true)) EXECUTE FUNCTION refuse();
"""


@pytest.fixture(autouse=True)
def bad_rows(db):
    with connection.cursor() as cursor:
        cursor.execute(BAD)


def plant(name=""):
    """Let the database refuse whatever would move this one; "" heals it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('tests.bad', %s, true)", [name])


def alerted():
    return [*Alert.objects.filter(cleared_at=None).values_list("kind", "subject")]


def test_a_number_that_cannot_expire_stops_no_other(payer, noon):
    first, _second = (made.approved(payer, at=noon, valid_s=60).preapproval for _ in range(2))
    plant(first.reference)
    assert preapprovals.expire_due(at=noon + HOUR, limit=9) == 1
    assert preapprovals.expire_due(at=noon + HOUR, limit=9) == 0
    assert alerted() == [("preapproval_not_ended", first.reference)]
    plant()
    assert stuck.try_again(at=noon + HOUR, limit=9) == 1
    assert not Preapproval.objects.exclude(state="EXPIRED").exists()
    assert alerted() == []


def test_a_redemption_that_cannot_be_suspended_stops_no_other(payer, atm, noon):
    taken = [atm.takes(made.approved(payer, at=noon), at=noon) for _ in range(2)]
    plant(taken[0].preapproval.reference)
    assert redemptions.suspend_overdue(at=noon + HOUR, limit=9) == 1
    assert alerted() == [("redemption_not_suspended", taken[0].reference)]
    assert Redemption.objects.get(state="SUSPENSE") == taken[1]
