"""Queues: an issuer's exceptions and disputes, a shop's readers; each tenant's own alone."""

from datetime import timedelta
from html import unescape

import pytest

from config.models import Device
from config.roles import KIND_OF, MATRIX, Right, Role, TenantKind
from settlement.models import Dispute, ExceptionItem
from settlement.services import online, silence
from settlement.services.batches import BatchRefused


def text(answer):
    assert answer.status_code == 200
    return unescape(answer.content.decode())


@pytest.fixture
def gap(world):
    world.post(world.shop, world.card.sale(world.shop, 1500, atc=4))
    return ExceptionItem.objects.get()


@pytest.fixture
def dispute(world):
    world.post(world.shop, world.card.sale(world.shop, 1000))
    world.post(world.other_shop, world.card.sale(world.other_shop, 2000, atc=1))
    return Dispute.objects.get()


def at(world, path):
    return f"/issuer/{world.issuer.reference}/{path}"


def test_an_exception_tells_kind_detail_payment_and_amount(world, gap, auditor):
    html = text(auditor.get(at(world, "exceptions")))

    assert "Transaction counters are missing" in html
    assert "Counters 1 to 3 never came." in html
    assert f"/payments/{gap.payment.reference}" in html
    assert "1,500 <small>KRW" in html
    assert "Resolve<span" not in html  # an auditor only looks


def test_the_queue_is_narrowed_by_kind_and_state(world, gap, auditor):
    other_kind = auditor.get(at(world, "exceptions"), {"kind": "list_rollback"})
    assert "None in this view" in text(other_kind)
    assert "Counters 1 to 3" in text(auditor.get(at(world, "exceptions"), {"kind": gap.kind}))
    assert "None in this view" in text(auditor.get(at(world, "exceptions"), {"view": "resolved"}))


def test_an_exception_is_resolved_with_words(world, gap, staff):
    risk = staff(Role.ISSUER_RISK)
    page = at(world, f"exceptions/{gap.pk}")

    assert "Error:" in text(risk.post(page, {"words": ""}))
    assert risk.post(page, {"words": "Reader broke."}).url == at(world, "exceptions")
    assert "resolved already" in text(risk.post(page, {"words": "Again."}))

    assert "Reader broke." in text(risk.get(at(world, "exceptions"), {"view": "resolved"}))
    assert "Nothing" in text(risk.get(at(world, "exceptions")))


def test_a_dispute_is_closed_with_its_outcome(world, dispute, clerk):
    html = text(clerk.get(at(world, "disputes")))
    assert dispute.reference in html
    assert "Issuer bears it" in html
    page = at(world, f"disputes/{dispute.reference}")

    assert clerk.post(page, {"words": "A cloned phone."}).url == at(world, "disputes")
    assert "closed already" in text(clerk.post(page, {"words": "Again."}))

    assert "A cloned phone." in text(clerk.get(at(world, "disputes"), {"view": "resolved"}))


@pytest.mark.parametrize("role", Role)
def test_queues_answer_a_role_as_the_matrix_says(role, world, gap, dispute_of_gap, staff):
    browser = staff(role, "SPO-1" if role == Role.SPONSOR else None)
    shop = role.startswith("MERCHANT")
    sees = (404 if shop else 200) if Right.SEE_BATCHES in MATRIX[role] else 403
    acts = 200 if Right.RESOLVE_EXCEPTIONS in MATRIX[role] else 403
    pages = {
        "exceptions": sees,
        "disputes": sees,
        f"exceptions/{gap.pk}": acts,
        f"disputes/{dispute_of_gap.reference}": acts,
    }

    assert {path: browser.get(at(world, path)).status_code for path in pages} == pages


@pytest.fixture
def dispute_of_gap(world, gap):
    world.post(world.other_shop, world.card.sale(world.other_shop, 2000, atc=4))
    return Dispute.objects.get()


def test_another_issuers_queue_is_not_there(world, gap, dispute_of_gap, staff):
    stranger = staff(Role.ISSUER_RISK, world.other_card.card.issuer.reference)
    own = f"/issuer/{world.other_card.card.issuer.reference}"

    for path in ("exceptions", "disputes", f"exceptions/{gap.pk}"):
        assert stranger.get(at(world, path)).status_code == 404
    assert stranger.post(f"{own}/exceptions/{gap.pk}", {"words": "Mine."}).status_code == 404
    theirs = f"{own}/disputes/{dispute_of_gap.reference}"
    assert stranger.post(theirs, {"words": "Mine."}).status_code == 404
    assert "Nothing to explain" in text(stranger.get(f"{own}/exceptions"))


def test_the_clearing_desk_finds_each_issuers_queue(world, gap, clerk, auditor, owner):
    html = text(clerk.get("/queues"))
    assert at(world, "exceptions") in html
    assert auditor.get("/queues").url == at(world, "exceptions")
    assert owner.get("/queues").status_code == 403


def test_a_shop_sees_what_its_readers_sent_and_what_was_rejected(world, owner, stranger):
    world.sell(1000, 2500)
    world.post(world.shop, world.card.sale(world.shop, 700, at=world.now - timedelta(days=9)))

    html = text(owner.get("/merchant/offline"))

    assert world.batch().reference in html
    assert "More than 8 days old" in html
    assert "Records rejected" in html
    assert world.batch().reference not in text(stranger.get("/merchant/offline"))


def test_a_batch_that_never_came_is_missed(world, owner):
    world.sell(1000)
    with pytest.raises(BatchRefused):
        world.shop.upload(world.card.sale(world.shop, 500), sequence=4)

    html = text(owner.get("/merchant/offline"))

    assert "Batch missing" in html
    assert "Numbers 2 to 3 have not come" in html
    assert "Readers with a batch that has not come: 1" in text(owner.get("/"))


@pytest.fixture
def missing(world):
    with pytest.raises(BatchRefused):
        world.shop.upload(world.card.sale(world.shop, 500), sequence=4)
    return ExceptionItem.objects.get(kind="reader_sequence_missing")


def test_the_clearing_desk_finds_the_shop_whose_batches_are_missing(world, missing, clerk):
    html = text(clerk.get("/queues"))
    assert f"/merchant/offline?merchant={world.merchant.reference}" in html
    page = f"/merchant/offline/{world.merchant.reference}/gaps/{missing.pk}"
    offline = clerk.get("/merchant/offline", {"merchant": world.merchant.reference})
    assert page in text(offline)
    assert "batches 1 to 3 have not come" in text(clerk.get(page))

    clerk.post(page, {"words": "The reader was stolen."})

    missing.refresh_from_db()
    assert missing.resolution == "The reader was stolen."
    assert "Shops with missing" not in text(clerk.get("/queues"))


def test_the_clearing_desk_finds_a_reader_that_fell_silent(world, clerk):
    world.sell(1000)
    Device.objects.filter(pk=world.shop.device.pk).update(seen_at=world.now)
    assert silence.look(at=world.now + timedelta(days=8)) == 1
    item = ExceptionItem.objects.get(kind="reader_silent")

    assert world.merchant.reference in text(clerk.get("/queues"))
    html = text(clerk.get("/merchant/offline", {"merchant": world.merchant.reference}))
    assert "was last heard of" in html
    assert f"/merchant/offline/{world.merchant.reference}/gaps/{item.pk}" in html


@pytest.mark.parametrize("role", Role)
def test_only_the_clearing_desk_explains_a_missing_batch(role, world, missing, staff):
    browser = staff(role, "SPO-1" if role == Role.SPONSOR else None)
    page = f"/merchant/offline/{world.merchant.reference}/gaps/{missing.pk}"
    desk = KIND_OF[role] == TenantKind.PLATFORM and Right.RESOLVE_EXCEPTIONS in MATRIX[role]

    assert browser.get(page).status_code == (200 if desk else 403)
    assert browser.post(page, {"words": "Mine."}).status_code == (302 if desk else 403)


def test_a_dispute_of_a_tap_asked_online_says_so(world, clerk):
    record = world.card.sale(world.shop, 1000)
    world.post(world.shop, record)
    again = world.card.sale(world.shop, 2500, atc=1)
    with pytest.raises(online.TapRefused):
        online.authorise(
            device=world.shop.device,
            record=again,
            certificate=bytes(world.card.credential.certificate),
            at=world.now,
        )
    dispute = Dispute.objects.get()

    html = text(clerk.get(at(world, "disputes")))
    assert "asked online" in html
    assert "2,500 <small>KRW" in html
    page = at(world, f"disputes/{dispute.reference}")
    assert "asked online" in text(clerk.get(page))
    assert dispute.payment.reference in text(clerk.get(page))


@pytest.mark.parametrize("path", ["exceptions", "disputes"])
def test_queues_take_few_queries(
    path, world, gap, dispute_of_gap, auditor, django_assert_max_num_queries
):
    auditor.get(at(world, path))
    with django_assert_max_num_queries(12):
        text(auditor.get(at(world, path)))


def test_the_offline_queue_takes_few_queries(world, owner, django_assert_max_num_queries):
    world.sell(1000)
    owner.get("/merchant/offline")
    with django_assert_max_num_queries(13):
        text(owner.get("/merchant/offline"))
