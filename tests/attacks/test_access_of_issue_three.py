"""Files, unblock requests, reports and gaps: foreign hands, second thoughts and odd bytes."""

import io
import time
from copy import deepcopy
from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.files.uploadhandler import TemporaryFileUploadHandler
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from config import exports, tasks
from config.audit import SYSTEM, Actor
from config.middleware import NoFlood
from config.models import Audit, Job
from config.roles import MATRIX, Right, Role
from issuers.models import Card, CertificateRequest, OtaCommand, UnblockRequest
from issuers.portal.urls import urlpatterns
from issuers.services import blacklist, card_files, imports, unblocking
from tests.factories.config import MembershipFactory, code_at, member, signed_in
from tests.factories.merchants import MerchantFactory, enrolled
from tests.factories.wallets import enrolled_phone
from tests.issuers_portal.scene import add_card, build
from tests.issuers_portal.test_rights import PAGES, addresses
from wallets.models import SocketTicket
from wallets.services import phones
from wallets.tasks import forget_authentications

pytestmark = pytest.mark.django_db

STAFF = [role for role in Role if role.value.startswith(("ISSUER", "SETTLEMENT", "PLATFORM"))]


@pytest.fixture
def now():
    return timezone.now()


@pytest.fixture(scope="module")
def ours_that_stands(module_rows):
    return build(at=timezone.now(), cards=2, readers=1)


@pytest.fixture
def ours(ours_that_stands, db):
    return deepcopy(ours_that_stands)


@pytest.fixture
def theirs(now):
    return build(at=now, cards=1, readers=1, name="Elsewhere Card")


def browser_of(role, scene, client=None):
    """Return somebody of a role, at the scene's issuer where the role is an issuer's."""
    tenant = scene.issuer.reference if role.value.startswith("ISSUER") else ""
    tenant = "MER-ELSEWHERE" if role.value.startswith(("MERCHANT", "SPONSOR")) else tenant
    return signed_in(member(role, tenant), client)


def standing():
    """Return all that an act of these pages could move."""
    return [
        list(rows.order_by("pk").values_list("pk", *columns))
        for rows, columns in (
            (Card.objects, ("state", "per_payment_online_cap_minor")),
            (CertificateRequest.objects, ("state",)),
            (UnblockRequest.objects, ("state",)),
            (Job.objects, ("state", "cancel_asked")),
            (OtaCommand.objects, ("state", "attempts")),
        )
    ]


TOLD = {"reason": "LOST", "words": "x", "note": "x", "cap": "1", "act": "block"}


class TestForeignHands:
    @pytest.mark.parametrize("role", Role)
    def test_no_page_is_posted_to_without_its_right(self, role, ours, now):
        ours.block(1, at=now)
        found = addresses(ours)
        browser, before = browser_of(role, ours), standing()
        closed = {name for name, (right, _answer) in PAGES.items() if right not in MATRIX[role]}

        codes = {name: browser.post(found[name], TOLD).status_code for name in closed}

        assert set(codes.values()) <= {403}
        assert standing() == before

    @pytest.mark.parametrize("role", [role for role in STAFF if role.value.startswith("ISSUER")])
    def test_no_page_of_another_issuer_is_posted_to(self, role, ours, theirs, now):
        theirs.block(0, at=now)
        found = addresses(theirs)
        browser, before = browser_of(role, ours), standing()

        del found["issuer-list"]
        codes = {name: browser.post(found[name], TOLD).status_code for name in found}

        assert set(codes.values()) <= {403, 404, 405}
        assert standing() == before

    def test_no_thing_of_another_issuer_is_reached_at_ones_own_address(self, ours, theirs, now):
        theirs.block(0, at=now)
        theirs_at = addresses(theirs)
        here, there = ours.issuer.reference, theirs.issuer.reference
        desks = [browser_of(role, ours) for role in STAFF if role.value.startswith("ISSUER")]
        named = {pattern.name for pattern in urlpatterns if len(pattern.pattern.converters) > 1}
        numbered = {"list-version", "list-version-file"}  # each issuer counts its own
        before = standing()

        codes = {
            browser.post(theirs_at[name].replace(there, here), TOLD).status_code
            for browser in desks
            for name in named - numbered
        }

        assert codes <= {403, 404, 405}
        assert standing() == before

    @pytest.mark.parametrize("name", sorted(PAGES))
    def test_no_page_is_posted_to_from_another_site(self, name, ours, now):
        ours.block(1, at=now)
        browser = browser_of(Role.ISSUER_RISK, ours, Client(enforce_csrf_checks=True))
        page, before = addresses(ours)[name], standing()

        assert browser.post(page, TOLD).status_code == 403
        assert standing() == before

    def test_a_gap_is_the_desks_alone(self, ours):
        merchant = MerchantFactory()
        page = reverse("gap-resolve", args=[merchant.reference, 1])
        desks = {
            role: signed_in(member(role, merchant.reference))
            for role in Role
            if role.value.startswith("MERCHANT")
        }
        desks |= {role: browser_of(role, ours) for role in STAFF}

        codes = {role: browser.post(page, TOLD).status_code for role, browser in desks.items()}

        may = {role for role in STAFF if Right.RESOLVE_EXCEPTIONS in MATRIX[role]}
        desk = {role for role in may if not role.value.startswith("ISSUER")}
        assert {role for role, code in codes.items() if code == 404} == desk
        assert {code for role, code in codes.items() if role not in desk} == {403}

    @pytest.mark.parametrize(
        "page", ["merchant-report", "merchant-report-file", "payout-list", "merchant-offline"]
    )
    def test_another_shops_figures_are_not_found(self, page):
        mine, other = MerchantFactory(), MerchantFactory()
        owner = signed_in(member(Role.MERCHANT_OWNER, mine.reference))

        answer = owner.get(reverse(page), {"merchant": other.reference})

        assert answer.status_code == 404

    def test_a_readers_signature_reads_no_merchants_report(self):
        from tests.api.caller import of_device

        for device in (enrolled(kind="READER"), enrolled_phone()):
            answer = of_device(device).get("/api/v1/merchant/report")

            assert answer.status_code in {401, 403}


class TestSecondThoughts:
    @pytest.fixture
    def asked(self, ours, now):
        ours.block(0, at=now)
        ours.block(1, at=now)
        maker = member(Role.ISSUER_RISK, ours.issuer.reference)
        return unblocking.request(
            issuer=ours.issuer,
            source="\n".join(["card", *[card.reference for card in ours.cards]]).encode(),
            reason="Found",
            at=now,
            actor=Actor(kind="USER", name=str(maker.pk)),
        )

    @pytest.fixture
    def approver(self, ours):
        return browser_of(Role.ISSUER_APPROVER, ours)

    def agree(self, browser, asked, **changed):
        told = {"list_hash": bytes(asked.list_hash).hex(), "proof": code_at(timezone.now())}
        page = reverse("unblock-agree", args=[asked.issuer.reference, asked.reference])
        return browser.post(page, told | changed)

    def run(self, asked, now):
        asked.refresh_from_db()
        unblocking.run_chunk(job=asked.job.reference, at=now)
        asked.job.refresh_from_db()
        return asked.job

    def test_the_maker_under_another_role_is_still_the_maker(self, ours, asked):
        maker = member(Role.ISSUER_RISK, ours.issuer.reference)
        own = unblocking.request(
            issuer=ours.issuer,
            source=f"card\n{ours.cards[0].reference}".encode(),
            reason="Found",
            at=timezone.now(),
            actor=Actor(kind="USER", name=str(maker.pk)),
        )
        maker.memberships.update(ended_at=timezone.now())
        MembershipFactory(user=maker, role=Role.ISSUER_APPROVER, tenant=ours.issuer.reference)

        answer = self.agree(signed_in(maker), own)

        assert answer.status_code == 422
        assert "Another person" in answer.content.decode()
        own.refresh_from_db()
        assert own.state == "PENDING"

    def test_one_code_agrees_once(self, ours, asked, approver, now):
        other = unblocking.request(
            issuer=ours.issuer,
            source=f"card\n{ours.cards[0].reference}".encode(),
            reason="Found",
            at=now,
            actor=SYSTEM,
        )
        code = code_at(timezone.now())

        answers = [self.agree(approver, each, proof=code).status_code for each in (asked, other)]

        assert answers == [302, 422]

    def test_who_lost_the_role_agrees_no_more(self, ours, asked):
        person = member(Role.ISSUER_APPROVER, ours.issuer.reference)
        browser = signed_in(person)
        person.memberships.update(ended_at=timezone.now())

        assert self.agree(browser, asked).status_code in {302, 403}
        asked.refresh_from_db()
        assert asked.state == "PENDING"

    def test_an_agreement_is_not_played_twice(self, asked, approver, now):
        self.agree(approver, asked)
        assert self.run(asked, now).state == "DONE"

        again = self.agree(approver, asked, proof=code_at(timezone.now() + timedelta(seconds=30)))

        assert again.status_code in {409, 422}
        assert Job.objects.filter(kind=unblocking.KIND).count() == 1

    def test_a_card_blocked_anew_stays_blocked(self, ours, asked, approver, now):
        card, later = ours.cards[0], now + timedelta(minutes=1)
        blacklist.unblock(card=card, at=now, actor=SYSTEM)
        blacklist.block(card=card, reason="STOLEN", at=later, actor=SYSTEM)
        self.agree(approver, asked)

        job = self.run(asked, later)

        assert (job.state, job.errors[0]["code"]) == ("DONE_WITH_ERRORS", "blocked_anew")
        states = dict(Card.objects.filter(issuer=ours.issuer).values_list("pk", "state"))
        assert states == {card.pk: "BLOCKED", ours.cards[1].pk: "ACTIVE"}

    def test_control_without_that_look_a_stolen_card_pays(
        self, ours, asked, approver, now, monkeypatch
    ):
        monkeypatch.setattr(unblocking, "_blocked_since", lambda _asked, _ids: set())
        card, later = ours.cards[0], now + timedelta(minutes=1)
        blacklist.unblock(card=card, at=now, actor=SYSTEM)
        blacklist.block(card=card, reason="STOLEN", at=later, actor=SYSTEM)
        self.agree(approver, asked)
        self.run(asked, later)

        card.refresh_from_db()
        assert card.state == "ACTIVE"

    def test_who_stops_a_job_is_told_in_the_trail_once(self, ours):
        risk = browser_of(Role.ISSUER_RISK, ours)
        line = f"card,reason\n{ours.cards[0].reference},STOLEN".encode()
        job = imports.start(source=line, at=timezone.now(), actor=SYSTEM, issuer=ours.issuer)
        page = reverse("card-job-cancel", args=[ours.issuer.reference, job.reference])

        for _ in range(2):
            risk.post(page)

        told = Audit.objects.get(action="job.cancel")
        assert (told.subject, told.tenant) == (job.reference, ours.issuer.reference)
        assert told.actor == risk.session["_auth_user_id"]


class TestOddFiles:
    @pytest.mark.parametrize(
        "body",
        [
            "card,reason\nx,LOST".encode("utf-16"),
            b'card,reason\n"',
            b'card,reason\n"' + b"x" * (4 * 2**20 - 20),
            b"card,reason\n" + b"x" * (4 * 2**20 - 20),
            b"card,reason\r\n\r\n,\r\n",
            b"\x00" * 1000,
        ],
        ids=["utf-16", "open quote", "one field", "one line", "blank", "nul"],
    )
    def test_what_is_no_list_of_cards_is_refused_beside_the_form(self, body, ours):
        risk = browser_of(Role.ISSUER_RISK, ours, Client(raise_request_exception=False))
        file = SimpleUploadedFile("=cmd;x.csv", body)

        answer = risk.post(
            reverse("card-file-add", args=[ours.issuer.reference]), {"act": "block", "file": file}
        )

        assert answer.status_code == 200
        assert answer.context["form"].errors
        assert not Job.objects.exists()

    def test_more_rows_than_cards_could_be_are_refused_soon(self, ours):
        source = b"card,reason\n" + b"a\n" * (2 * 2**20 - 6)
        began = time.process_time()

        with pytest.raises(card_files.FileTooLarge, match="200,000"):
            imports.start(source=source, at=timezone.now(), actor=SYSTEM, issuer=ours.issuer)

        assert time.process_time() - began < 5

    def test_a_file_of_formulas_comes_back_as_text(self, ours):
        risk = browser_of(Role.ISSUER_RISK, ours)
        line = ours.cards[0].reference + ',"=HYPERLINK(""http://evil"")"'
        job = imports.start(
            source=f"card,reason\n{line}".encode(),
            at=timezone.now(),
            actor=SYSTEM,
            issuer=ours.issuer,
        )
        imports.run_chunk(job=job.reference, at=timezone.now())
        page = reverse("card-job-errors", args=[ours.issuer.reference, job.reference])

        told = b"".join(risk.get(page).streaming_content).decode()

        assert "reason_unknown" in told
        assert not [
            cell for cell in told.replace("\r\n", ",").split(",") if cell[:1] in "=+-@\t" and cell
        ]

    @pytest.mark.parametrize("cell", ["=1", "+1", "-1", "@a", "\t=1", " =1", "＝1", "\r=1"])
    def test_no_cell_runs(self, cell):
        (row,) = list(exports.lines([[cell]]))[1:]

        assert row.lstrip('"').startswith("'")

    def test_markup_in_a_name_or_reason_is_shown_as_text(self, ours, now):
        evil = "<script>alert(1)</script>"
        phone = ours.phones[0]
        type(phone).objects.filter(pk=phone.pk).update(name=evil)
        ours.block(0, at=now, note=evil)
        unblocking.request(
            issuer=ours.issuer,
            source=f"card\n{ours.cards[0].reference}".encode(),
            reason=evil,
            at=now,
            actor=SYSTEM,
        )
        desks = [browser_of(role, ours) for role in (Role.ISSUER_RISK, Role.ISSUER_OPERATIONS)]

        pages = [
            browser.get(url).getvalue().decode(errors="ignore")
            for browser in desks
            for url in addresses(ours).values()
        ]

        assert any("&lt;script&gt;" in page for page in pages)
        assert not any(evil in page for page in pages)


class TestFloods:
    @pytest.fixture
    def on_disk(self, monkeypatch):
        """Return the names of files that an upload began to write to the disk."""
        begun, new_file = [], TemporaryFileUploadHandler.new_file

        def told(self, *arguments, **named):
            begun.append(arguments)
            return new_file(self, *arguments, **named)

        monkeypatch.setattr(TemporaryFileUploadHandler, "new_file", told)
        return begun

    def upload(self, name="sign-in"):
        browser = Client(enforce_csrf_checks=True, raise_request_exception=False)
        browser.get(reverse("sign-in"))
        file = io.BytesIO(b"x" * (6 * 2**20))
        return browser.post(reverse(name), {"email": "a@example.com", "file": file})

    def test_a_strangers_file_never_touches_the_disk(self, on_disk):
        answer = self.upload()

        assert answer.status_code in {400, 413}
        assert on_disk == []

    def test_control_without_the_limit_it_does(self, on_disk, settings):
        settings.PAGE_BODY_MAX_BYTES = 2**40

        self.upload()

        assert on_disk

    def test_a_length_that_is_none_is_no_fault_of_ours(self, rf):
        seen = []
        for length in ("", "x", "-1", "٣", "1e9"):
            request = rf.post("/sign-in")
            request.META["CONTENT_LENGTH"] = length
            NoFlood(seen.append)(request)

        assert len(seen) == 5

    def test_tickets_that_ended_are_forgotten(self):
        phone, _key = enrolled_phone()
        ended = timezone.now() - timedelta(minutes=1)
        phones.socket_ticket(device=phone, at=ended)
        live, _until = phones.socket_ticket(device=phone, at=timezone.now())

        forget_authentications()

        assert SocketTicket.objects.count() == 1
        assert phones.take_ticket(ticket=live, at=timezone.now()) == phone

    def test_what_strangers_asked_for_goes_with_its_answer(self):
        from config.models import ResetAsked

        for number in range(3):
            Client().post(reverse("password-forgotten"), {"email": f"no{number}@example.com"})
        tasks.mail_resets()

        assert not ResetAsked.objects.exists()


class TestQueries:
    def count(self, browser, page):
        with CaptureQueriesContext(connection) as queries:
            assert browser.get(page).status_code == 200
        return len(queries)

    def test_files_and_requests_cost_the_same_however_many(self, ours, now):
        risk, place = browser_of(Role.ISSUER_RISK, ours), ours.issuer.reference
        page = reverse("card-file-list", args=[place])

        def hand_in(number):
            card = add_card(ours, at=now - timedelta(days=1))
            blacklist.block(card=card, reason="LOST", at=now, actor=SYSTEM)
            by = Actor(kind="USER", name=str(member(Role.ISSUER_RISK, place).pk))
            source = f"card\n{card.reference}".encode()
            imports.start(
                source=source.replace(b"card\n", b"card,reason\n"),
                at=now,
                actor=by,
                issuer=ours.issuer,
            )
            return unblocking.request(
                issuer=ours.issuer, source=source, reason=str(number), at=now, actor=by
            )

        hand_in(0)
        self.count(risk, page)
        before = self.count(risk, page)
        for number in range(1, 5):
            hand_in(number)

        assert self.count(risk, page) == before <= 12

    def test_a_request_of_many_cards_costs_what_one_of_few_does(self, ours, now):
        risk, counts = browser_of(Role.ISSUER_RISK, ours), []
        for many in (1, 6):
            cards = [add_card(ours, at=now - timedelta(days=1)) for _ in range(many)]
            for card in cards:
                blacklist.block(card=card, reason="LOST", at=now, actor=SYSTEM)
            asked = unblocking.request(
                issuer=ours.issuer,
                source="\n".join(["card", *[card.reference for card in cards]]).encode(),
                reason="x",
                at=now,
                actor=SYSTEM,
            )
            page = reverse("unblock-request", args=[ours.issuer.reference, asked.reference])
            self.count(risk, page)
            counts.append(self.count(risk, page))

        assert counts[0] == counts[1] <= 12


class TestTheEndsOfTheCalendar:
    @pytest.mark.parametrize("page", ["merchant-report", "merchant-report-file"])
    @pytest.mark.parametrize(
        "asked", ["from=9999-12-20", "to=0001-01-05", "to=9999-12-31", "from=0001-01-01"]
    )
    def test_no_day_is_a_fault_of_ours(self, page, asked):
        merchant = MerchantFactory()
        owner = signed_in(
            member(Role.MERCHANT_OWNER, merchant.reference), Client(raise_request_exception=False)
        )

        assert owner.get(f"{reverse(page)}?{asked}").status_code == 200


@pytest.mark.parametrize("told", ["Bearer ", "Bearer x", "Basic eA==", "bearer é", ""])
def test_metrics_are_no_strangers(told, settings):
    settings.METRICS_TOKEN = ""

    answer = Client(raise_request_exception=False).get(
        "/metrics", headers={"Authorization": told}, REMOTE_ADDR="192.0.2.1"
    )

    assert answer.status_code == 401


def test_a_claim_to_be_this_machine_is_not_believed():
    answer = Client().get(
        "/metrics", headers={"X-Forwarded-For": "127.0.0.1"}, REMOTE_ADDR="127.0.0.1"
    )

    assert answer.status_code == 401
