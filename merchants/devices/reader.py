"""A merchant's card reader: it asks, judges, stores and hands over, all without the portal.

Pure but for the ``save`` callbacks it is given: time comes as epoch seconds, randomness from
``random_bytes``. The state is saved before an approval is answered, so no power cut loses a sale
that a customer saw approved.
"""

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, Final, Self

from config.wire import b64, numbers
from config.wire.errors import WireError
from config.wire.keys import SigningKey
from config.wire.trust import TrustList
from issuers.wire import CardCertificate
from issuers.wire.held import WrongDigest
from merchants.devices import facts, rules
from merchants.devices.facts import Asked, Knowledge
from merchants.devices.limits import ReaderLimits
from merchants.devices.rules import Approved, Declined, GoOnline, Reason, Tap
from merchants.devices.store import Stored
from merchants.wire import Challenge, ReaderCertificate
from wallets.wire import OfflineRecord

type State = dict[str, Any]

_RANDOM_BYTES: Final = 16


class NotVoidable(Exception):
    """No stored sale of that approval code, or it is voided, or on its way to the portal."""


class ForeignConfig(WireError):
    """The platform signed this configuration for another device."""


class NothingAsked(Exception):
    """No tap of this reader waits for the portal's word."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Waiting:
    """A tap that was sent online: its facts, its bytes, and why it went."""

    tap: Tap
    record: bytes
    certificate: bytes
    reason: Reason


class Reader:
    """One reader: its key and certificate, and what it knows, the stored records included."""

    def __init__(
        self,
        *,
        key: SigningKey,
        certificate: bytes,
        known: Knowledge,
        random_bytes: Callable[[int], bytes],
        save: Callable[[State], None],
        save_list: Callable[[str, State], None],
    ) -> None:
        self.key = key
        self.certificate = certificate
        self.device = ReaderCertificate.peek(certificate).device
        self.known = known
        self._random_bytes = random_bytes
        self._save = save
        self._save_list = save_list
        self._asked: Asked | None = None
        self._waiting: _Waiting | None = None

    def new_challenge(self, *, amount_minor: int, currency: str, at: int) -> bytes:
        """Return a signed challenge for a sale; it stands in place of any earlier one."""
        return self._ask(amount_minor=amount_minor, currency=currency, at=at, voiding=None)

    def new_void_challenge(self, *, approval_code: str, at: int) -> tuple[bytes, int]:
        """Return a signed challenge to void a stored sale, and the ATC of that sale.

        :raises NotVoidable: no batch may have it yet, and no void may name it
        """
        sale = self.known.store.voidable(approval_code=approval_code)
        if sale is None:
            raise NotVoidable(approval_code)
        challenge = self._ask(
            amount_minor=sale.amount_minor, currency=sale.currency, at=at, voiding=sale
        )
        return challenge, sale.atc

    def _ask(self, *, amount_minor: int, currency: str, at: int, voiding: Stored | None) -> bytes:
        challenge = Challenge(
            device=self.device,
            nonce=self._random_bytes(_RANDOM_BYTES),
            amount=amount_minor,
            currency=currency,
            at=at,
        )
        self._asked = Asked(challenge=challenge, voiding=voiding)
        self._waiting = None
        return challenge.sign(key=self.key)

    def judge(
        self, *, record: bytes, certificate: bytes, at: int, online: bool
    ) -> Approved | Declined | GoOnline:
        """Judge what a phone answered to the open challenge, which is used up by this.

        The checks of protocol section 5 in their order, the first failing reason wins. ``online``
        says whether the portal is within reach; after ``GoOnline`` call :meth:`online_approved`,
        :meth:`online_declined` or :meth:`online_failed`. An approval is stored and saved before it
        is returned.
        """
        asked, self._asked = self._asked, None
        tap = facts.gather(
            record=record, certificate=certificate, asked=asked, known=self.known, at=at
        )
        refused = rules.refusal(tap, online=online)
        if refused is None:
            return self._approve(tap, record=record, certificate=certificate)
        if isinstance(refused, GoOnline):
            self._waiting = _Waiting(
                tap=tap, record=record, certificate=certificate, reason=refused.reason
            )
        return refused

    def online_approved(self) -> None:
        """Take the portal's approval of the tap that went online: nothing to store, it is posted.

        The issuer resets the card's counters with it, so this reader's own counts start anew.

        :raises NothingAsked: no tap waits
        """
        waiting = self._take_waiting()
        assert waiting.tap.certificate is not None  # only sound taps are sent online
        assert waiting.tap.record is not None
        self.known.sightings.settle(record=waiting.tap.record, certificate=waiting.tap.certificate)
        self.save()

    def online_declined(self) -> None:
        """Take the portal's refusal of the tap that went online.

        :raises NothingAsked: no tap waits
        """
        self._take_waiting()

    def online_failed(self) -> Approved | Declined:
        """Decide the tap that should have gone online and could not.

        One that only preferred to is approved offline; should the portal have approved it after
        all, its record posts once (protocol section 5).

        :raises NothingAsked: no tap waits
        """
        waiting = self._take_waiting()
        if waiting.reason is not Reason.ONLINE_PREFERRED:
            return Declined(waiting.reason)
        return self._approve(waiting.tap, record=waiting.record, certificate=waiting.certificate)

    def _take_waiting(self) -> _Waiting:
        waiting, self._waiting = self._waiting, None
        if waiting is None:
            raise NothingAsked
        return waiting

    def _approve(self, tap: Tap, *, record: bytes, certificate: bytes) -> Approved:
        assert tap.certificate is not None  # a tap that passed every check was read
        assert tap.record is not None
        held = Stored(
            record=record,
            approval_code=numbers.offline_approval_code(self._random_bytes(_RANDOM_BYTES)),
            blacklist_version=self.known.lists.version(issuer=tap.certificate.issuer),
            card_token=tap.record.card_token,
            serial=tap.record.certificate_serial,
            atc=tap.record.atc,
            amount_minor=-tap.record.amount if tap.voiding else tap.record.amount,
            currency=tap.record.currency,
            at=tap.record.at,
            voids=tap.record.voided_atc,
        )
        # What cannot be saved was never approved: it must not reach a batch either.
        with ExitStack() as undo:
            undo.callback(self._take_back, held)
            self._keep(held, tap.record, tap.certificate, certificate)
            self.known.sightings.forget(at=tap.at)
            self.save()
            undo.pop_all()
        return Approved(held.approval_code)

    def _keep(
        self, held: Stored, record: OfflineRecord, card: CardCertificate, certificate: bytes
    ) -> None:
        self.known.store.add(held, certificate=certificate)
        if held.voids is None:
            self.known.sightings.add(record=record, certificate=card)
        else:
            self.known.sightings.set_voided(card_token=held.card_token, atc=held.voids, voided=True)

    def _take_back(self, held: Stored) -> None:
        self.known.store.take_back(held)
        if held.voids is None:
            self.known.sightings.take_back(card_token=held.card_token, atc=held.atc)
        else:
            self.known.sightings.set_voided(
                card_token=held.card_token, atc=held.voids, voided=False
            )

    def next_batch(self, *, at: int) -> bytes | None:
        """Return the batch to upload, its exact bytes the same until its result; None if empty."""
        batch = self.known.store.next_batch(
            device=self.device, key=self.key, created=at, versions=self.known.lists.versions()
        )
        if batch is not None:
            self.save()
        return batch

    def apply_result(self, result: Mapping[str, Any]) -> list[Stored]:
        """Take ``GET /reader/batches/{sequence}`` and return the records now deleted.

        :raises ResultForeign: it is not the result of the batch that waits for one
        """
        gone = self.known.store.apply_result(result)
        self.save()
        return gone

    def apply_blacklist(self, *, data: bytes, at: int, etag: str | None = None) -> None:
        """Apply a blacklist file of a trusted issuer.

        :raises WireError: not trusted, not newer, or not fitting what is held: ask again with the
            version then held
        """
        try:
            issuer = self.known.lists.apply(data=data, trusted=self.known.trusted, at=at, etag=etag)
        except WrongDigest:
            self.save()  # nothing is held any more, and a restart must not think otherwise
            raise
        # In this order: a list on the disk may be newer than its time there, never older.
        self._save_list(issuer, self.known.lists.to_state(issuer=issuer))
        self.save()

    def confirm_blacklist(self, *, issuer: str, at: int) -> None:
        """Take the portal's word that the list held, an empty one at first, is the current one."""
        first = not self.known.lists.knows(issuer=issuer)
        self.known.lists.confirm(issuer=issuer, at=at)
        if first:
            self._save_list(issuer, self.known.lists.to_state(issuer=issuer))
        self.save()

    def configure(self, *, document: Mapping[str, Any], at: int) -> None:
        """Take limits and trust list of ``GET /device/config`` as the platform signed them.

        :raises WireError: the platform's signature is missing or wrong, or it is an older one
        :raises ForeignConfig: it is another device's, whose merchant may allow more
        :raises KeyError: the configuration is not a reader's
        """
        config = self.known.trusted.open_config(document=document, at=at)
        if config.get("device") != self.device:
            raise ForeignConfig("The configuration is another device's.")
        limits = ReaderLimits.of_config(config)
        trusted = TrustList.of_config(config["trust"], issued_at=config.get("issued_at"))
        self.known.limits, self.known.trusted = limits, trusted
        self.save()

    def save(self) -> None:
        """Hand the whole state, lists left out, to ``save``."""
        self._save(self.to_state())

    def to_state(self) -> State:
        """Return the reader as JSON-able values; its key is in it, so keep it as a secret.

        An open challenge or a tap that waits for the portal is not: after a restart the phone taps
        again.
        """
        return {
            "key": self.key.to_pem().decode(),
            "certificate": b64.encode(self.certificate),
            "known": self.known.to_state(),
        }

    @classmethod
    def from_state(
        cls,
        state: State,
        *,
        lists: list[State],
        random_bytes: Callable[[int], bytes],
        save: Callable[[State], None],
        save_list: Callable[[str, State], None],
    ) -> Self:
        """Return the reader that :meth:`to_state` wrote, with what ``save_list`` was given last."""
        return cls(
            key=SigningKey.from_pem(state["key"].encode()),
            certificate=b64.decode(state["certificate"]),
            known=Knowledge.from_state(state["known"], lists=lists),
            random_bytes=random_bytes,
            save=save,
            save_list=save_list,
        )
