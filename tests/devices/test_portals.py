"""Phone and reader at the portal: what they send, and what its answers change in them."""

import httpx
import pytest

from config.wire import b64, cbor, cose
from config.wire.client import PortalRefused, PortalUnreachable
from config.wire.errors import WireError
from issuers.wire import Acknowledgement, Action
from issuers.wire.held import WrongDigest
from merchants.devices.portal import ReaderPortal
from merchants.devices.rules import Approved, Declined, Reason
from merchants.wire import Batch, batch_digest
from tests.devices.parties import ISSUER, NOON, READER, Disk, answer, judge
from tests.devices.portals import Portal, problem, session_for
from wallets.devices.portal import PhonePortal


@pytest.fixture
def of_phone(phone):
    """The phone's portal, with what answers at the other end."""
    portal = Portal(phone.device_key.public)
    return PhonePortal(session=session_for(portal, phone.device_key), phone=phone), portal


@pytest.fixture
def of_reader(reader):
    """The reader's portal, with what answers at the other end."""
    portal = Portal(reader.key.public)
    return ReaderPortal(session=session_for(portal, reader.key), reader=reader), portal


def page(*commands, after=0):
    entries = [
        {"seq": after + index, "command": b64.encode(command)}
        for index, command in enumerate(commands, 1)
    ]
    return httpx.Response(200, json={"commands": entries, "next": after + len(commands)})


def config(world, **changes):
    """Return a device configuration signed by the platform."""
    trusted = {
        "platform": [key_entry(world.platform)],
        "issuers": [key_entry(world.issuer) | {"issuer": ISSUER}],
    }
    content = {
        "trust": trusted,
        "device": READER,
        "kind": "READER",
        "issued_at": "2026-11-22T03:00:00Z",
        "limits": {"KRW": {"floor": 7_000, "unsent": 90_000}},
        "capacities": {"records": 500, "oldest_s": 604_800},
        "blacklist_max_age_s": 3_600,
        "split_sale_window_s": 300,
    } | changes
    signed = cose.sign(payload=cbor.encode(content), key=world.platform)
    return httpx.Response(200, json=content | {"signed": b64.encode(signed)})


def key_entry(key):
    return {
        "public_key": b64.encode(key.public),
        "from": "2026-01-01T00:00:00Z",
        "until": "2027-01-01T00:00:00Z",
    }


OK = httpx.Response(200, json={})


class TestCertificate:
    def test_the_card_is_on_the_phone_afterwards(self, world, phone, of_phone):
        client, portal = of_phone
        token = world.random.randbytes(16)
        fresh = world.certificate(public_key=phone.prepare_card(card=token), token=token)
        body = {"certificate": b64.encode(fresh), "list_number": 0}
        portal.answers = [httpx.Response(201, json=body), page()]

        assert client.fetch_certificate(card=token, at=NOON)
        phone.check_before_contact(card=token, at=NOON)

    def test_a_block_that_came_before_the_card_is_pulled_again(self, world, phone, of_phone):
        client, portal = of_phone
        token = world.random.randbytes(16)
        block = world.command(token, Action.BLOCK, version=1)
        portal.answers = [page(block), page(after=1)]
        client.pull_commands(at=NOON)
        fresh = world.certificate(public_key=phone.prepare_card(card=token), token=token)
        body = {"certificate": b64.encode(fresh), "list_number": 0}
        portal.answers = [httpx.Response(201, json=body), page(block), OK, page(after=1)]

        client.fetch_certificate(card=token, at=NOON)

        assert phone.credential(token).blocked
        assert portal.requests[3].url.params["after"] == "0"

    def test_asking_again_after_a_lost_answer_is_the_same_act(self, phone, of_phone):
        client, portal = of_phone
        portal.answers = [httpx.ReadError("cut")] * 8

        for _ in range(2):
            with pytest.raises(PortalUnreachable):
                client.fetch_certificate(card=bytes(16), at=NOON)

        assert len({request.headers["idempotency-key"] for request in portal.requests}) == 1

    def test_asking_again_while_staff_decide_is_another_act_for_the_same_key(self, of_phone):
        client, portal = of_phone
        portal.answers = [httpx.Response(202, json={"state": "PENDING"})] * 2

        answers = [client.fetch_certificate(card=bytes(16), at=NOON) for _ in range(2)]

        assert answers == [False, False]
        assert len({request.headers["idempotency-key"] for request in portal.requests}) == 2
        assert portal.bodies[0] == portal.bodies[1]


class TestCommands:
    def test_they_are_applied_and_acknowledged_page_by_page(self, world, phone, of_phone):
        client, portal = of_phone
        card = world.put_card(phone)
        block = world.command(card, Action.BLOCK, version=1)
        unblock = world.command(card, Action.UNBLOCK, version=2)
        portal.answers = [page(block), OK, page(unblock, after=1), OK, page(after=2)]

        handled = client.pull_commands(at=NOON)

        acks = [
            Acknowledgement.open(b64.decode(body["ack"]), public_key=phone.device_key.public)
            for body in portal.bodies
        ]
        assert [ack.version for ack in acks] == [1, 2]
        assert [entry.acknowledged for entry in handled] == [True, True]
        assert phone.commands_after == 2

    def test_a_lost_acknowledgement_is_sent_again_at_the_next_pull(self, world, phone, of_phone):
        client, portal = of_phone
        card = world.put_card(phone)
        block = world.command(card, Action.BLOCK, version=1)
        portal.answers = [page(block), *[httpx.ReadError("cut")] * 4]
        with pytest.raises(PortalUnreachable):
            client.pull_commands(at=NOON)
        assert phone.commands_after == 0

        portal.answers = [page(block), OK, page(after=1)]
        assert client.pull_commands(at=NOON)[0].acknowledged

    def test_one_that_cannot_be_taken_does_not_hold_up_the_next(self, world, phone, of_phone):
        client, portal = of_phone
        card = world.put_card(phone)
        foreign = world.command(bytes(16), Action.BLOCK, version=1)
        block = world.command(card, Action.BLOCK, version=1)
        portal.answers = [page(foreign, block), OK, page(after=2)]

        handled = client.pull_commands(at=NOON)

        assert [entry.acknowledged for entry in handled] == [False, True]
        assert phone.credential(card).blocked

    def test_a_pushed_one_does_not_move_what_is_pulled_next(self, world, phone, of_phone):
        client, portal = of_phone
        card = world.put_card(phone)
        block = world.command(card, Action.BLOCK, version=1)
        portal.answers = [OK]

        client.take_command({"type": "command", "seq": 9, "command": b64.encode(block)}, at=NOON)

        assert phone.credential(card).blocked
        assert phone.commands_after == 0


class TestPhonesOther:
    def test_its_own_copies_are_uploaded_once(self, world, phone, reader, of_phone):
        client, portal = of_phone
        card = world.put_card(phone)
        record = answer(reader, phone, card)
        portal.answers = [OK]

        assert (client.upload_records(), client.upload_records()) == (1, 0)
        assert portal.bodies == [{"records": [b64.encode(record)]}]

    def test_a_freeze_holds_here_even_without_the_portal(self, world, phone, of_phone):
        client, portal = of_phone
        card = world.put_card(phone)
        portal.answers = [httpx.ConnectError("no network")] * 4

        with pytest.raises(PortalUnreachable):
            client.freeze(card=card)

        assert phone.credential(card).frozen

    def test_the_ticket_of_the_socket(self, of_phone):
        client, portal = of_phone
        portal.answers = [httpx.Response(201, json={"ticket": "abc"})]

        assert client.socket_ticket() == "abc"

    def test_the_trust_list_is_the_platforms(self, world, phone, of_phone):
        client, portal = of_phone
        portal.answers = [config(world)]

        client.sync_trust(at=NOON)

        assert phone.trusted.holders == [ISSUER]


class TestConfig:
    def test_limits_and_trust_are_taken(self, world, reader, of_reader):
        client, portal = of_reader
        portal.answers = [config(world)]

        client.sync_config(at=NOON)

        assert reader.known.limits.floor_minor == {"KRW": 7_000}
        assert reader.known.trusted.holders == [ISSUER]

    def test_only_what_the_platform_signed_counts(self, world, reader, of_reader):
        client, portal = of_reader
        sound = config(world).json()
        portal.answers = [httpx.Response(200, json=sound | {"limits": {}})]

        client.sync_config(at=NOON)

        assert reader.known.limits.floor_minor == {"KRW": 7_000}

    @pytest.mark.parametrize("signed", ["", None])
    def test_an_unsigned_one_is_refused(self, world, of_reader, signed):
        client, portal = of_reader
        sound = config(world).json()
        portal.answers = [httpx.Response(200, json=sound | {"signed": signed})]

        with pytest.raises(WireError):
            client.sync_config(at=NOON)


class TestBlacklists:
    def file(self, data, etag='"1"'):
        return httpx.Response(200, content=data, headers={"etag": etag})

    def test_it_asks_with_the_version_held_and_the_tag(self, world, reader, of_reader):
        client, portal = of_reader
        portal.answers = [
            self.file(world.blacklist(version=3, additions=[7])),
            httpx.Response(204),
            httpx.Response(304),
        ]

        for later in (0, 10, 20):
            client.refresh_blacklist(issuer=ISSUER, at=NOON + later)

        asked = [request.url.params["have"] for request in portal.requests]
        assert asked == ["0", "3", "3"]
        assert portal.requests[1].headers["if-none-match"] == '"1"'
        assert reader.known.lists.confirmations() == {ISSUER: NOON + 20}

    def test_the_minimum_wait_is_kept_unless_asked_for(self, world, of_reader):
        client, portal = of_reader
        portal.answers = [self.file(world.blacklist(version=1, additions=[7]))]

        client.refresh_blacklists(at=NOON)
        versions = client.refresh_blacklists(at=NOON + 9)

        assert versions == {ISSUER: 1}
        assert len(portal.requests) == 1

    def test_a_wrong_digest_asks_for_all_without_the_tag(self, world, reader, of_reader):
        client, portal = of_reader
        reader.apply_blacklist(data=world.blacklist(version=1, additions=[7]), at=NOON, etag="x")
        broken = world.blacklist(version=2, base=1, additions=[8], after=[7, 9])
        portal.answers = [
            self.file(broken),
            self.file(world.blacklist(version=2, additions=[7, 8])),
        ]

        client.refresh_blacklist(issuer=ISSUER, at=NOON)

        assert portal.requests[1].url.params["have"] == "0"
        assert "if-none-match" not in portal.requests[1].headers
        assert reader.known.lists.version(issuer=ISSUER) == 2

    def test_twice_wrong_leaves_the_reader_online_only(self, world, reader, card, of_reader):
        client, portal = of_reader
        broken = world.blacklist(version=2, additions=[8], after=[9])
        portal.answers = [self.file(broken), self.file(broken)]

        with pytest.raises(WrongDigest):
            client.refresh_blacklist(issuer=ISSUER, at=NOON)

        assert judge(reader, card) == Declined(Reason.AMOUNT_OVER_CAP)

    def test_a_caches_older_answer_changes_nothing(self, world, reader, of_reader):
        client, portal = of_reader
        reader.apply_blacklist(data=world.blacklist(version=5, additions=[7]), at=NOON)
        portal.answers = [self.file(world.blacklist(version=4, additions=[]))]

        client.refresh_blacklist(issuer=ISSUER, at=NOON + 60)

        assert reader.known.lists.version(issuer=ISSUER) == 5
        assert reader.known.lists.confirmations() == {ISSUER: NOON}


class TestUpload:
    def result(self, data, *, state="POSTED", **changes):
        batch = Batch.peek(data)
        results = [{"index": index, "state": "POSTED"} for index in range(batch.count)]
        digest = b64.encode(batch_digest(data))
        body = {"sequence": batch.sequence, "digest": digest, "state": state, "totals": {}}
        return httpx.Response(200, json=body | {"results": results} | changes)

    def test_a_batch_is_sent_and_its_result_taken(self, reader, card, of_reader):
        client, portal = of_reader
        judge(reader, card)
        data = reader.next_batch(at=NOON)
        portal.answers = [httpx.Response(202, json={"state": "RECEIVED"}), self.result(data)]

        uploaded = client.upload(at=NOON)

        assert (uploaded.state, uploaded.deleted) == ("POSTED", 1)
        assert portal.requests[0].content == data
        assert len(reader.known.store) == 0

    def test_the_same_bytes_under_the_same_key_until_the_result(self, reader, card, of_reader):
        client, portal = of_reader
        judge(reader, card)
        data = reader.next_batch(at=NOON)
        waiting = self.result(data, state="RECEIVED", results=[])
        portal.answers = [httpx.Response(202, json={}), waiting, httpx.Response(202, json={})]
        portal.answers.append(self.result(data))

        states = [client.upload(at=NOON + later).state for later in (0, 60)]

        posts = [request for request in portal.requests if request.method == "POST"]
        assert states == ["RECEIVED", "POSTED"]
        assert posts[0].content == posts[1].content
        assert posts[0].headers["idempotency-key"] == posts[1].headers["idempotency-key"]

    def test_a_refused_batch_keeps_its_records(self, reader, card, of_reader):
        client, portal = of_reader
        judge(reader, card)
        portal.answers = [problem(422, "batch_chain")]

        uploaded = client.upload(at=NOON)

        assert (uploaded.state, uploaded.refusal) == ("REFUSED", "batch_chain")
        assert len(reader.known.store) == 1

    def test_a_conflict_is_for_people(self, reader, card, of_reader):
        client, portal = of_reader
        judge(reader, card)
        portal.answers = [problem(409, "batch_conflict")]

        with pytest.raises(PortalRefused, match="batch_conflict"):
            client.upload(at=NOON)

        assert len(reader.known.store) == 1

    def test_without_records_nothing_is_sent(self, of_reader):
        client, _ = of_reader

        assert client.upload(at=NOON) is None


class TestAuthorize:
    @pytest.mark.parametrize(
        ("body", "approved", "code"),
        [
            ({"state": "APPROVED", "approval_code": "7K2M9P"}, True, "7K2M9P"),
            ({"state": "DECLINED", "decline_reason": "card_blocked"}, False, "card_blocked"),
        ],
    )
    def test_the_portals_word(self, of_reader, body, approved, code):
        client, portal = of_reader
        portal.answers = [httpx.Response(200, json=body)]

        said = client.authorize(b"record", b"certificate")

        assert (said.approved, said.code) == (approved, code)
        assert portal.bodies[0]["record"] == b64.encode(b"record")


def test_a_whole_day_over_restarts_ends_with_an_empty_store(world):
    """Tap, restart, tap, upload, restart, result: every record is posted once."""
    disk = Disk()
    reader = world.reader(disk=disk)
    taps = [judge(reader, world.card())]
    reader = world.reader_again(disk)
    taps.append(judge(reader, world.card()))
    data = reader.next_batch(at=NOON)
    reader = world.reader_again(disk)
    portal = Portal(reader.key.public)
    client = ReaderPortal(session=session_for(portal, reader.key), reader=reader)
    portal.answers = [httpx.Response(202, json={}), TestUpload().result(data)]

    client.upload(at=NOON)

    assert all(isinstance(verdict, Approved) for verdict in taps)
    assert len(world.reader_again(disk).known.store) == 0
