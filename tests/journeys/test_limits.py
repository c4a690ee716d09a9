"""Mission §1: what phone and reader let through without the issuer, and where each limit stops."""

from config.wire.client import PortalUnreachable
from tests.journeys.street import tap

CAP = 50_000
LOWER_USES, UPPER_USES = 5, 10
DAY_S = 24 * 3600
WINDOW_S = 301  # past the split-sale guard, which adds up what one card pays at one reader


def test_1_03_amount_equal_to_the_cap_pays_and_one_more_is_over_cap(handset, token, counter):
    over = tap(handset, token, counter, CAP + 1)
    equal = tap(handset, token, counter, CAP)

    assert (over.state, over.code) == ("refused", "amount_over_cap")
    assert equal.state == "approved"
    assert counter.stored() == 1


def test_1_04_use_equal_to_the_upper_count_pays_and_the_next_does_not(handset, token, counter):
    tried = []

    def out_of_reach(record: bytes, _certificate: bytes):
        tried.append(record)
        raise PortalUnreachable("the line is cut")

    counter.authorize = out_of_reach
    ends = [tap(handset, token, counter, 1_000) for _ in range(UPPER_USES + 1)]

    assert [end.state for end in ends[:UPPER_USES]] == ["approved"] * UPPER_USES
    assert (ends[-1].state, ends[-1].code) == ("refused", "uses_exhausted")
    assert len(tried) == UPPER_USES - LOWER_USES, "past the lower count online is tried first"


class TestEachLimitAlone:
    """1.05: each limit declines by itself, with a reason of its own."""

    def test_1_05_cumulative_amount(self, handset, token, counter):
        ends = [tap(handset, token, counter, CAP, skew_s=number * WINDOW_S) for number in range(4)]
        assert [end.state for end in ends] == ["approved"] * 4
        past = tap(handset, token, counter, 1, skew_s=4 * WINDOW_S)
        assert (past.state, past.code) == ("refused", "cumulative_exceeded")

    def test_1_05_validity_and_expiry(self, handset, token, counter):
        for days, code in ((4, "contact_overdue"), (7, "certificate_expired")):
            late = tap(handset, token, counter, 1_000, skew_s=days * DAY_S)
            assert (late.state, late.code, late.contacted) == ("refused", code, False)
        assert counter.contacts() == []

    def test_1_05_currency(self, street, handset, token, new_counter):
        abroad = new_counter(street.shop("Harbour Diner", currency="USD"))
        outcome = tap(handset, token, abroad, 1_000, currency="USD")
        assert (outcome.state, outcome.code) == ("refused", "currency_unsupported")
