"""A phone with cards on it: what it checks before a tap, what it signs, what it lets be commanded.

Pure but for the ``save`` it is given: time comes as epoch seconds, new keys from ``new_key``. The
state is saved *before* a signature or an acknowledgement is handed out, so a power cut can lose an
ATC but never use one twice.
"""

from collections.abc import Callable, Mapping
from typing import Any, Self

from config.wire import b64, trust
from config.wire.keys import SigningKey
from issuers.wire import Acknowledgement, CardCertificate, Command
from wallets.devices import commands, offers
from wallets.devices.commands import CommandRefused
from wallets.devices.credential import CardRefused, Credential, Offer, Refusal
from wallets.devices.wishes import CardNotAccepted, SignOutRefused, Wish
from wallets.wire import Verification

type State = dict[str, Any]


class Phone:
    """A customer's phone: its device key, its cards (by 16-byte token) and whom it trusts."""

    def __init__(
        self,
        *,
        device_key: SigningKey,
        trusted: trust.TrustList,
        save: Callable[[State], None],
        new_key: Callable[[], SigningKey] = SigningKey.generate,
    ) -> None:
        self.device_key = device_key
        self.trusted = trusted
        self.commands_after = 0  # the portal's seq up to which commands were pulled
        self._save = save
        self._new_key = new_key
        self._cards: dict[bytes, Credential] = {}
        self._wishes: dict[bytes, Wish] = {}
        self._unheard: set[bytes] = set()  # commands whose acknowledgement is not known to be there

    @property
    def cards(self) -> list[bytes]:
        """Return the tokens of the cards that are on this phone, wiped ones left out."""
        return [card for card, held in self._cards.items() if held.key is not None]

    @property
    def credentials(self) -> list[Credential]:
        """Return what the phone holds of every card, wiped ones included."""
        return list(self._cards.values())

    def credential(self, card: bytes) -> Credential:
        """Return the card's credential, to be looked at.

        :raises CardRefused: no such card on this phone
        """
        held = self._cards.get(card)
        if held is None:
            raise CardRefused(Refusal.CARD_UNKNOWN)
        return held

    def prepare_card(self, *, card: bytes) -> bytes:
        """Return the public key to ask a certificate for; the same until one is accepted."""
        return self.wish(card=card).key.public

    def wish(self, *, card: bytes) -> Wish:
        """Return what is asked for the card, with a new key unless one is waiting already."""
        if card not in self._wishes:
            self._wishes[card] = Wish(key=self._new_key())
            self.save()
        return self._wishes[card]

    def accept_card(self, *, certificate: bytes, at: int, awaits_commands: bool = False) -> None:
        """Put the card on the phone, in place of an older credential of the same card.

        ATC, newest version and the marks go on from the older one. Commands are pulled from the
        first again, for one may have been passed over while the card was not here yet; with
        ``awaits_commands`` the card pays only after :meth:`heard`.

        :raises WireError: no trusted issuer signed it
        :raises CardNotAccepted: it is not for the key made by :meth:`prepare_card`
        """
        terms = CardCertificate.peek(certificate)
        issuer_key = self.trusted.key_for(holder=terms.issuer, signed=certificate, at=at)
        CardCertificate.open(certificate, public_key=issuer_key)
        wish = self._wishes.get(terms.card_token)
        if wish is None or wish.key.public != terms.public_key:
            raise CardNotAccepted(b64.encode(terms.card_token))
        fresh = Credential(
            key=wish.key,
            certificate=certificate,
            contacted_at=at,
            awaits_commands=awaits_commands,
        )
        older = self._cards.get(terms.card_token)
        if older is not None:
            fresh.take_over(older=older)
        self._cards[terms.card_token] = fresh
        del self._wishes[terms.card_token]
        self.commands_after = 0
        self.save()

    def give_up(self, *, card: bytes) -> None:
        """Forget the key that was refused for the card; asking again makes another."""
        del self._wishes[card]
        self.save()

    def heard(self) -> None:
        """Note that all commands that waited were pulled: new cards may pay."""
        for held in self._cards.values():
            held.awaits_commands = False
        self.save()

    def check_before_contact(self, *, card: bytes, at: int) -> None:
        """Check marks, certificate, contact-by time, use count and cumulative sum of this card.

        Called before any connection to a reader is opened: a marked card sends nothing at all.

        :raises CardRefused: the first that fails
        """
        held = self.credential(card)
        held.check_standing(at=at)
        held.check_room()

    def check_before_void(self, *, card: bytes, at: int) -> None:
        """Check as before a sale, but for the counts, which a void leaves alone.

        :raises CardRefused: the first that fails
        """
        self.credential(card).check_standing(at=at)

    def examine(self, *, certificate: bytes, challenge: bytes, at: int) -> Offer:
        """Return what a reader asks for, once its certificate and its challenge prove genuine.

        :raises CardRefused: the platform did not certify this reader, or not any more, or the
            challenge is not that reader's
        """
        return offers.examine(
            trusted=self.trusted, certificate=certificate, challenge=challenge, at=at
        )

    def answer_challenge(
        self,
        *,
        card: bytes,
        certificate: bytes,
        challenge: bytes,
        at: int,
        verified: Verification,
        reader_online: bool = False,
    ) -> bytes:
        """Return the one signed record of this gesture; the same challenge gets the same record.

        ``reader_online`` is the reader's word that it can ask the portal: only then is a sale over
        a cap signed at all. Without it the phone refuses first and spends no ATC.

        :raises CardRefused: a check failed, nothing was signed
        """
        held = self.credential(card)
        held.check_standing(at=at)
        offer = self.examine(certificate=certificate, challenge=challenge, at=at)
        record = held.answer_to(challenge=challenge, voided_atc=None)
        if record is None:
            held.check_room()
            held.check_offer(offer=offer, verified=verified, reader_online=reader_online)
            record = held.sign(challenge=challenge, offer=offer, verified=verified, voided_atc=None)
        self.save()  # a repeated answer too: its first save may have failed
        return record

    def void(
        self,
        *,
        card: bytes,
        certificate: bytes,
        challenge: bytes,
        voided_atc: int,
        at: int,
        verified: Verification,
    ) -> bytes:
        """Return the signed void of an own sale at this reader; counts are not given back.

        :raises CardRefused: a check failed, or there is no such sale; nothing was signed
        """
        held = self.credential(card)
        held.check_standing(at=at)
        offer = self.examine(certificate=certificate, challenge=challenge, at=at)
        record = held.answer_to(challenge=challenge, voided_atc=voided_atc)
        if record is None:
            held.check_sale(offer=offer, atc=voided_atc)
            record = held.sign(
                challenge=challenge, offer=offer, verified=verified, voided_atc=voided_atc
            )
        self.save()
        return record

    def receive_command(self, *, command: bytes, at: int) -> bytes:
        """Apply an issuer's command and return the acknowledgement, signed by the device key.

        A version not above the newest is not applied and acknowledged all the same, with the
        version that is.

        :raises CommandRefused: no such card here, or the body does not fit it
        :raises WireError: not the card's issuer's signature
        """
        asked = Command.peek(command)
        held = self._cards.get(asked.card_token)
        if held is None:
            raise CommandRefused("The command is for a card this phone does not have.")
        key = self.trusted.key_for(holder=held.terms.issuer, signed=command, at=at)
        asked = Command.open(command, public_key=key)
        commands.apply(command=asked, credential=held, issuer_key=key, at=at)
        self._unheard.add(asked.command_id)
        self.save()
        return Acknowledgement(
            command_id=asked.command_id,
            card_token=asked.card_token,
            version=held.version,
            at=at,
            atc=held.atc,
            uses=held.uses,
            amount=held.amount_minor,
        ).sign(key=self.device_key)

    def acknowledged(self, *, command: bytes) -> None:
        """Note that the portal has decided on the acknowledgement of ``command``."""
        self._unheard.discard(Command.peek(command).command_id)
        self.save()

    def sign_out(self) -> None:
        """Delete the key of every card; ATCs and versions stay, for the card may come back here.

        :raises SignOutRefused: copies or acknowledgements are unsent; nothing was deleted
        """
        copies = sum(held.unsent for held in self._cards.values())
        if copies or self._unheard:
            raise SignOutRefused(copies=copies, acknowledgements=len(self._unheard))
        for held in self._cards.values():
            held.wipe()
        self._wishes = {}
        self.save()

    def freeze(self, *, card: bytes, told: bool = False) -> None:
        """Set the owner's own mark, or refuse an unknown card; ``told``: the portal knows of it."""
        held = self.credential(card)
        held.frozen, held.freeze_told = True, told
        self.save()

    def unfreeze(self, *, card: bytes) -> None:
        """Lift the owner's own mark, or refuse an unknown card; an issuer's block stays."""
        held = self.credential(card)
        held.frozen = held.freeze_told = False
        self.save()

    def configure(self, *, document: Mapping[str, Any], at: int) -> None:
        """Take the trust list of ``GET /device/config`` as the platform signed it.

        :raises WireError: the platform's signature is missing or wrong, or it is an older one
        """
        config = self.trusted.open_config(document=document, at=at)
        self.trusted = trust.TrustList.of_config(config["trust"], issued_at=config.get("issued_at"))
        self.save()

    def save(self) -> None:
        """Hand the whole state to ``save``; what was done since is lost if that fails."""
        self._save(self.to_state())

    def to_state(self) -> State:
        """Return the phone as JSON-able values; keys are in it, so keep it as a secret."""
        return {
            "device_key": self.device_key.to_pem().decode(),
            "trusted": self.trusted.to_state(),
            "commands_after": self.commands_after,
            "cards": {b64.encode(card): held.to_state() for card, held in self._cards.items()},
            "wishes": {b64.encode(card): wish.to_state() for card, wish in self._wishes.items()},
            "unheard": sorted(b64.encode(command) for command in self._unheard),
        }

    @classmethod
    def from_state(
        cls,
        state: State,
        *,
        save: Callable[[State], None],
        new_key: Callable[[], SigningKey] = SigningKey.generate,
    ) -> Self:
        """Return the phone that :meth:`to_state` wrote."""
        phone = cls(
            device_key=SigningKey.from_pem(state["device_key"].encode()),
            trusted=trust.TrustList.from_state(state["trusted"]),
            save=save,
            new_key=new_key,
        )
        phone.commands_after = state["commands_after"]
        for card, held in state["cards"].items():
            phone._cards[b64.decode(card)] = Credential.from_state(held)
        for card, wish in state["wishes"].items():
            phone._wishes[b64.decode(card)] = Wish.from_state(wish)
        phone._unheard = {b64.decode(command) for command in state["unheard"]}
        return phone
