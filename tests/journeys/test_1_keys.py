"""Keys of issuer and platform roll under running taps, and not one good card is refused."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from config.wire import cose
from config.wire.client import PortalUnreachable
from config.wire.errors import WireError
from config.wire.keys import SigningKey, kid_of
from config.wire.trust import PLATFORM, TrustedKey, TrustList
from issuers.wire import CardCertificate
from merchants.wire import ReaderCertificate
from tests.journeys.counter import Counter, now
from tests.journeys.line import Line
from tests.journeys.portal import last_object
from tests.journeys.street import Handset, Street, tap
from tests.journeys.waiting import eventually

SOON_S = (4, 15, 60)  # a busy machine needs longer to start a command


class Roll:
    """A key announced by the command, with a beginning some seconds away."""

    def __init__(self, street: Street, holder: str) -> None:
        announced = (announce(street, holder, soon_s=soon_s) for soon_s in SOON_S)
        told = next(told for told in announced if "error" not in told)
        self.begins = datetime.fromisoformat(told["from"]).timestamp()

    def wait(self) -> None:
        eventually(lambda: now() > self.begins, within_s=max(SOON_S))


def announce(street: Street, holder: str, *, soon_s: int) -> dict[str, Any]:
    begins = datetime.now(UTC) + timedelta(seconds=soon_s)
    words = ("--holder", holder, "--urgent", "--from", begins.isoformat(timespec="seconds"))
    told = last_object(street.portal.run("manage", "keys_roll", *words, "--json").stdout)
    assert told.get("error", {"code": "key_in_the_past"})["code"] == "key_in_the_past", told
    return told


def certificate_kid(handset: Handset, token: bytes) -> bytes:
    return cose.parse(handset.phone.credential(token).certificate).kid


def test_an_issuers_key_rolls_under_running_taps(
    street: Street,
    customer: str,
    handset: Handset,
    card: dict[str, Any],
    token: bytes,
    new_counter: Callable[..., Counter],
) -> None:
    counter = new_counter()
    old_kid = certificate_kid(handset, token)
    roll = Roll(street, card["issuer"])
    counter.portal.sync_config(at=now())  # both hear of the key before it signs
    handset.portal.sync_trust(at=now())

    ends = [tap(handset, token, counter, 100)]
    roll.wait()
    fresh = handset.take(street.card(customer)["card"])
    ends += [tap(handset, one, counter, 100) for one in (token, fresh, token, fresh)]

    assert [end.state for end in ends] == ["approved"] * 5
    new_kid = certificate_kid(handset, fresh)
    assert certificate_kid(handset, token) == old_kid != new_kid
    assert counter.upload().deleted == 5, "the portal takes records under both"
    blocked = street.block(card["card"])  # list and command are signed by the new key
    counter.refresh(issuer=card["issuer"], version=blocked["version"])
    assert tap(handset, token, counter, 100).code == "blacklisted"
    handset.portal.pull_commands(at=now())
    assert handset.phone.credential(token).blocked


def test_a_platforms_key_rolls_and_readers_of_both_are_genuine(
    street: Street, handset: Handset, token: bytes, new_counter: Callable[..., Counter]
) -> None:
    old = new_counter()
    roll = Roll(street, PLATFORM)
    handset.portal.sync_trust(at=now())
    roll.wait()
    new = new_counter()

    ends = [tap(handset, token, reader, 100) for reader in (old, new)]

    signers = [cose.parse(reader.reader.certificate).kid for reader in (old, new)]
    assert len(set(signers)) == 2
    assert [end.state for end in ends] == ["approved"] * 2


def test_a_reader_away_over_both_roll_overs_recovers_by_the_old_keys_word(
    street: Street, shop: Any, customer: str, handset: Handset, card: dict[str, Any], line: Line
) -> None:
    with street.counter(shop, line=line) as counter:
        known = counter.reader.known.trusted
        line.cut()
        rolls = [Roll(street, holder) for holder in (card["issuer"], PLATFORM)]
        for roll in rolls:
            roll.wait()
        handset.portal.sync_trust(at=now())
        fresh = handset.take(street.card(customer)["card"])
        away = tap(handset, fresh, counter, 100)
        with pytest.raises(PortalUnreachable):
            counter.portal.sync_config(at=now())
        line.mend()

        assert counter.portal.refresh_blacklists(at=now() + 7 * 3600)
        back = tap(handset, fresh, counter, 100)

    assert away.code == "certificate_invalid", "the control: it had not heard of the key"
    assert back.state == "approved"
    assert counter.reader.known.trusted.issued_at >= known.issued_at
    path = counter.reader.known.trusted.config_path(at=now())
    assert path != known.config_path(at=now()), "and it vouches with the new one from now on"


def test_a_forged_key_opens_nothing(
    street: Street, handset: Handset, token: bytes, counter: Counter
) -> None:
    forger = SigningKey.generate()
    credential = handset.phone.credential(token)
    good = credential.certificate
    forged_card = CardCertificate.peek(good).sign(key=forger)
    credential.certificate = forged_card
    try:
        refused = tap(handset, token, counter, 100)
    finally:
        credential.certificate = good
    genuine = counter.reader.certificate
    counter.reader.certificate = ReaderCertificate.peek(genuine).sign(key=forger)
    untrusted = tap(handset, token, counter, 100)
    counter.reader.certificate = genuine
    document = counter.session.get("/device/config").json()
    stranger = TrustList(keys=[TrustedKey(holder=PLATFORM, public_key=forger.public)])

    assert refused.code == "certificate_invalid"
    assert untrusted.code == "reader_untrusted"
    with pytest.raises(WireError):
        stranger.open_config(document=document, at=now())
    assert kid_of(forger.public) not in {cose.parse(good).kid, cose.parse(genuine).kid}
