"""The list of authorisations: what was decided, why, and what narrows it down."""

from datetime import timedelta

import pytest
from django.utils import timezone

from config import pipeline
from issuers.models import Authorisation, RemoteAuthorisation
from issuers.services import authorisers, remote
from tests.factories.merchants import SYSTEM
from tests.factories.requests import Payer, terminal
from tests.factories.settlement import CardOnPhone, card_on_phone
from tests.issuers_portal.test_query_counts import count

pytestmark = pytest.mark.django_db


@pytest.fixture
def decide(scene):
    """Return a function that keeps one decision over a card of the scene."""
    made = []

    def keep(card=0, *, reason="", amount=1_000, at=None):
        made.append(card)
        return Authorisation.objects.create(
            document=f"PAY-{len(made):010}",
            card=scene.cards[card],
            phone=scene.phones[card],
            amount_minor=amount,
            currency="KRW",
            decline_reason=reason,
            decided_at=at or timezone.now(),
        )

    return keep


@pytest.fixture
def shown(risk, at):
    """Return a function from a query to the amounts the page lists, top first."""

    def ask(query=""):
        html = risk.get(at("authorisation-list", query=query)).text
        cells = html.split('data-label="Amount">')[1:]
        return [cell.split(" <small>")[0] for cell in cells]

    return ask


def test_decisions_stand_newest_first_with_their_reason(decide, shown, risk, at):
    decide(amount=1_000)
    decide(amount=2_000, reason="velocity")

    page = risk.get(at("authorisation-list")).text

    assert shown() == ["2,000", "1,000"]
    assert "Used too often in a short time" in page
    assert "Approved" in page


def test_views_reasons_cards_and_days_narrow_it(decide, shown, scene):
    decide(0, amount=1_000)
    decide(1, amount=2_000, reason="velocity")
    decide(1, amount=3_000, reason="insufficient_funds", at=timezone.now() - timedelta(days=3))
    day = f"{timezone.now() - timedelta(days=1):%Y-%m-%d}"

    assert shown("?view=approved") == ["1,000"]
    assert shown("?view=declined") == ["3,000", "2,000"]
    assert shown("?reason=velocity") == ["2,000"]
    assert shown(f"?card={scene.cards[0].reference}") == ["1,000"]
    assert set(shown(f"?q={scene.cards[1].last4}")) >= {"2,000", "3,000"}
    assert shown(f"?from={day}") == ["2,000", "1,000"]
    assert shown(f"?until={day}") == ["3,000"]


@pytest.mark.parametrize(
    "query", ["?from=x&until=9999-12-31", "?reason=nonsense&view=nonsense", "?q=%27", "?q=12"]
)
def test_what_narrows_nothing_is_left_out(decide, shown, query):
    decide()

    assert shown(query) == ["1,000"]


def test_a_card_of_another_issuer_is_not_found(risk, at, other):
    query = f"?card={other.cards[0].reference}"

    assert risk.get(at("authorisation-list", query=query)).status_code == 404


def test_another_issuers_decisions_are_not_listed(decide, shown, scene, other):
    Authorisation.objects.create(
        document="PAY-ELSEWHERE",
        card=other.cards[0],
        amount_minor=9_000,
        currency="KRW",
        decided_at=timezone.now(),
    )
    decide()

    assert shown() == ["1,000"]


def test_a_payment_by_phone_leads_to_it(scene, risk, at):
    now = timezone.now()
    till = terminal()
    held: CardOnPhone = card_on_phone(of=scene.programme, balance=20_000_000, at=now)
    request = till.asks(7_700, at=now)
    Payer(held).pays(request, at=now)

    page = risk.get(at("authorisation-list")).text

    assert f'href="/payments/{request.reference}"' in page
    assert request.shop.merchant_name in page
    assert risk.get(f"/payments/{request.reference}").status_code == 200


def test_it_takes_a_fixed_number_of_queries(decide, risk, at):
    decide()
    url = at("authorisation-list")
    count(risk, url)
    before = count(risk, url)
    for _ in range(5):
        decide(1, reason="velocity")

    assert count(risk, url) == before <= 12


def test_an_issuers_own_system_is_named(scene, risk, at):
    told = {"token": "t" * 16, "at": timezone.now(), "actor": SYSTEM}
    authorisers.use(issuer=scene.issuer, url="https://auth.example:8443/v1", **told)

    page = risk.get(at("authorisation-list")).text

    assert "decided on at auth.example:8443" in page
    assert "t" * 16 not in page


def test_what_an_issuers_own_system_has_not_acknowledged_is_told(scene, risk, at):
    now = timezone.now()
    told = {"token": "t" * 16, "at": now, "actor": SYSTEM}
    system = authorisers.use(issuer=scene.issuer, url="https://auth.example", **told)
    RemoteAuthorisation.objects.create(
        document="PAY-1",
        authoriser=system,
        card=scene.cards[0],
        phone=scene.phones[0],
        merchant="MER-1",
        amount_minor=1_000,
        currency="KRW",
        state="APPROVED",
        asked_at=now,
        deadline_at=now + timedelta(seconds=5),
        ended_at=now,
        next_at=now,
    )
    assert "refund is told there" not in risk.get(at("authorisation-list")).text

    pipeline.run(remote.refunding(document="PAY-1", refund="RFD-1", amount_minor=1, at=now))

    assert "1 refund is told there and not acknowledged" in risk.get(at("authorisation-list")).text
