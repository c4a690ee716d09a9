"""A reader's calls to the portal (protocol section 5); its state changes in the reader."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import quote

from config.wire import b64, trust
from config.wire.client import PortalRefused, PortalSession
from issuers.wire.held import NotNewer, WrongBase, WrongDigest
from merchants.devices.reader import Reader
from merchants.devices.tap import OnlineAnswer
from merchants.wire import Batch, batch_digest

_ANSWER_WITHIN_S: Final = 6.0  # the phone's patience is frames.BUDGET_S, the rules' work included


@dataclass(frozen=True, slots=True, kw_only=True)
class Uploaded:
    """Where a batch stands, and how many records the reader could delete."""

    sequence: int
    state: str
    deleted: int = 0
    refusal: str = ""


class ReaderPortal:
    """One reader at one portal. Every call may raise PortalRefused and PortalUnreachable."""

    def __init__(self, *, session: PortalSession, reader: Reader) -> None:
        self._session = session
        self._reader = reader

    def sync_config(self, *, at: int) -> None:
        """Fetch limits and trust list and take them.

        :raises WireError: the platform did not sign them for this reader, or they are older ones
        """
        path = self._reader.known.trusted.config_path(at=at)
        document = self._session.get(path).json()
        self._reader.configure(document=document, at=at)

    def refresh_blacklists(self, *, at: int) -> dict[str, int]:
        """Fetch the lists of all trusted issuers whose minimum wait is over.

        The configuration comes first when it is due, so that a key rolled since is known.

        Return the versions now held. A list that does not fit is asked for in full once; if that
        fails too it stays old, and with it the reader's floor becomes 0.

        :raises WireError: a file no trusted key signed
        """
        if self._reader.known.trusted.is_due(at=at):
            self.sync_config(at=at)
        for issuer in self._reader.known.trusted.holders:
            if self._reader.known.lists.is_due(issuer=issuer, at=at):
                self.refresh_blacklist(issuer=issuer, at=at)
        return self._reader.known.lists.versions()

    def refresh_blacklist(self, *, issuer: str, at: int) -> None:
        """Fetch one issuer's list now, whatever its minimum wait.

        :raises WireError: a file no trusted key signed, or two that do not fit
        """
        try:
            self._fetch_newer(issuer, at=at)
        except trust.Untrusted:
            # The issuer's key may have rolled while this reader was away.
            self.sync_config(at=at)
            self._fetch_newer(issuer, at=at)

    def _fetch_newer(self, issuer: str, *, at: int) -> None:
        lists = self._reader.known.lists
        try:
            self._fetch(
                issuer, at=at, have=lists.version(issuer=issuer), etag=lists.etag(issuer=issuer)
            )
        except (WrongBase, WrongDigest):
            self._fetch(issuer, at=at, have=0, etag=None)

    def _fetch(self, issuer: str, *, at: int, have: int, etag: str | None) -> None:
        path = f"/reader/blacklists/{quote(issuer, safe='')}?have={have}"
        answer = self._session.get(path, headers={"if-none-match": etag} if etag else None)
        if answer.status in (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED):
            self._reader.confirm_blacklist(issuer=issuer, at=at)
            return
        try:
            self._reader.apply_blacklist(data=answer.body, at=at, etag=answer.headers.get("etag"))
        except NotNewer:
            return  # a cache's old answer: what is held stays, and ages until it is confirmed

    def upload(self, *, at: int) -> Uploaded | None:
        """Send the waiting batch or a new one and look for its result; None without records.

        The idempotency key follows from the bytes: the same batch again is the same act, also
        after a restart.
        """
        data = self._reader.next_batch(at=at)
        if data is None:
            return None
        batch, digest = Batch.peek(data), batch_digest(data)
        try:
            self._session.post(
                "/reader/batches", body=data, idempotency_key=f"batch-{b64.encode(digest)}"
            )
        except PortalRefused as refused:
            if not refused.code.startswith("batch_") or refused.status == HTTPStatus.CONFLICT:
                raise
            return self._take(
                {
                    "sequence": batch.sequence,
                    "digest": b64.encode(digest),
                    "state": "REFUSED",
                    "refusal": refused.code,
                }
            )
        return self.poll(sequence=batch.sequence)

    def poll(self, *, sequence: int) -> Uploaded:
        """Ask for the result of the batch that was sent, and take it when there is one."""
        return self._take(self._session.get(f"/reader/batches/{sequence}").json())

    def _take(self, result: Mapping[str, Any]) -> Uploaded:
        deleted = self._reader.apply_result(result)
        return Uploaded(
            sequence=result["sequence"],
            state=result["state"],
            deleted=len(deleted),
            refusal=result.get("refusal") or "",
        )

    def authorize(self, record: bytes, certificate: bytes) -> OnlineAnswer:
        """Ask the portal to approve a tap online; one tap is one act however often it is asked.

        A lost answer is asked for again under the same key, but not for longer than a customer
        holds a phone to a reader.

        :raises PortalUnreachable: no answer in time; the portal may have approved all the same
        """
        digest = hashlib.sha256(record).digest()
        answer = self._session.post(
            "/reader/authorizations",
            body={"record": b64.encode(record), "certificate": b64.encode(certificate)},
            idempotency_key=f"authorization-{b64.encode(digest)}",
            within_s=_ANSWER_WITHIN_S,
        ).json()
        if answer["state"] == "APPROVED":
            return OnlineAnswer(approved=True, code=answer["approval_code"])
        return OnlineAnswer(approved=False, code=answer["decline_reason"])
