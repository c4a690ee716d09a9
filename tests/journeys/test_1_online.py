"""Mission §1, 1.03, 1.04 and 1.15: what goes online when the portal is in reach, and when not."""

from collections.abc import Callable
from typing import Any

from tests.journeys.counter import Counter, now
from tests.journeys.desk import Desk
from tests.journeys.line import Line
from tests.journeys.street import Handset, Shop, Street, tap

CAP = 50_000
LOWER_USES, UPPER_USES = 5, 10


class TestOverTheCap:
    """1.03: equal to the cap pays offline; one more is the portal's to say."""

    def test_1_03_the_cap_is_approved_offline_and_one_more_online(
        self, shop: Shop, handset: Handset, token: bytes, online_counter: Counter
    ) -> None:
        equal = tap(handset, token, online_counter, CAP)
        stored = online_counter.stored()
        over = tap(handset, token, online_counter, CAP + 1)

        assert (equal.state, equal.code[0], stored) == ("approved", "O", 1)
        assert (over.state, online_counter.stored()) == ("approved", 1)
        assert len(over.code) == 6
        assert over.code[0] != "O"
        paid = {payment["approval_code"]: payment for payment in shop.payments()}
        assert paid[over.code]["amount"] == CAP + 1
        assert equal.code not in paid, "this one waits in the reader"

    def test_1_03_one_more_is_declined_there_for_the_portals_reason(
        self, street: Street, handset: Handset, customer: str, online_counter: Counter
    ) -> None:
        poor = handset.take(street.card(customer, balance=CAP)["card"])

        over = tap(handset, poor, online_counter, CAP + 1)

        assert (over.state, over.code) == ("declined", "insufficient_funds")
        assert online_counter.stored() == 0

    def test_1_03_one_more_is_declined_here_when_the_line_is_cut(
        self, handset: Handset, token: bytes, online_counter: Counter, line: Line
    ) -> None:
        line.cut()

        over = tap(handset, token, online_counter, CAP + 1)

        assert (over.state, over.code) == ("declined", "amount_over_cap")
        assert online_counter.stored() == 0


class TestBetweenTheCounts:
    """1.04: past the lower count online first, offline without a line, up to the upper count."""

    def test_1_04_online_is_tried_first_and_offline_carries_on_without_a_line(
        self, shop: Shop, handset: Handset, token: bytes, online_counter: Counter, line: Line
    ) -> None:
        for _ in range(LOWER_USES):
            assert tap(handset, token, online_counter, 1_000).code[0] == "O"
        line.cut()
        kept = tap(handset, token, online_counter, 1_000)
        line.mend()
        asked = tap(handset, token, online_counter, 1_000)

        assert (kept.state, kept.code[0]) == ("approved", "O")
        assert (asked.state, asked.code[0] != "O") == ("approved", True)
        assert online_counter.stored() == LOWER_USES + 1
        assert asked.code in {payment["approval_code"] for payment in shop.payments()}

    def test_1_04_past_the_upper_count_it_is_declined_offline(
        self, handset: Handset, token: bytes, online_counter: Counter
    ) -> None:
        online_counter.authorize = None  # no line, and the reader knows
        ends = [tap(handset, token, online_counter, 1_000) for _ in range(UPPER_USES + 1)]

        assert [end.state for end in ends[:UPPER_USES]] == ["approved"] * UPPER_USES
        assert (ends[-1].state, ends[-1].code) == ("refused", "uses_exhausted")

    def test_1_04_a_lost_answer_is_asked_for_again_and_pays_once(
        self, shop: Shop, handset: Handset, token: bytes, online_counter: Counter, line: Line
    ) -> None:
        known = len(shop.payments())
        line.answers_to_lose = 1

        over = tap(handset, token, online_counter, CAP + 1)

        assert line.answers_lost == 1
        assert over.state == "approved"
        assert [payment["approval_code"] for payment in shop.payments()[: -known or None]].count(
            over.code
        ) == 1
        assert len(shop.payments()) == known + 1


class TestCounterReset:
    """1.15: a reset gives the counts back; that a batch was posted does not, unless configured."""

    def test_1_15_an_online_approval_resets_and_a_posting_does_not(
        self, handset: Handset, token: bytes, online_counter: Counter
    ) -> None:
        online_counter.authorize = None
        for _ in range(UPPER_USES - 1):
            assert tap(handset, token, online_counter, 1_000).code[0] == "O"
        online_counter.authorize = online_counter.portal.authorize
        assert online_counter.upload().deleted == UPPER_USES - 1
        handset.portal.pull_commands(at=now())
        assert handset.phone.credential(token).uses == UPPER_USES - 1, "the posting gave none back"

        asked = tap(handset, token, online_counter, 1_000)
        exhausted = tap(handset, token, online_counter, 1_000)
        handset.portal.pull_commands(at=now())
        restored = tap(handset, token, online_counter, 1_000)

        assert (asked.state, asked.code[0] != "O") == ("approved", True)
        assert (exhausted.state, exhausted.code) == ("refused", "uses_exhausted")
        assert (restored.state, restored.code[0]) == ("approved", "O")
        assert handset.phone.credential(token).uses == 1

    def test_1_15_a_programme_may_reset_at_the_posting(
        self,
        street: Street,
        desks: Callable[[str], Desk],
        handset: Handset,
        customer: str,
        counter: Counter,
    ) -> None:
        programme = resetting_programme(street, desks("issuer operations"))
        token = handset.take(street.card(customer, programme=programme["programme"])["card"])
        for _ in range(UPPER_USES):
            assert tap(handset, token, counter, 1_000).state == "approved"
        assert tap(handset, token, counter, 1_000).code == "uses_exhausted"

        counter.upload()
        handset.portal.pull_commands(at=now())

        assert handset.phone.credential(token).uses == 0


def resetting_programme(street: Street, desk: Desk) -> dict[str, Any]:
    """Add a programme that resets the counters at the posting, by the page for it."""
    name = "Reset at posting"
    issuer = street.programme["issuer"]
    desk.submit(
        f"/issuer/{issuer}/programmes/new",
        to="/programmes/new",
        name=name,
        kind=street.programme["kind"],
        currency="KRW",
        certificate_rule="AUTO",
        reset_on_posting="on",
    )
    known = {street.programme["programme"]}
    found = street.portal.manage("programmes")["programmes"]
    made = [one for one in found if one["currency"] == "KRW" and one["programme"] not in known]
    assert made
    return made[-1]
