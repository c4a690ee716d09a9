"""The simulated parties as the conductor directs them: a process each, phones and tills one."""

from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final, Self

from settlement.simulation.children import Answer, Child, Party

_PHONES: Final = "settlement.simulation.phones"
_READER: Final = "settlement.simulation.reader"
_TILLS: Final = "settlement.simulation.tills"
_AT_ONCE: Final = 8


class Troupe:
    """Every process of one simulation; leaving the block ends them all."""

    tills: Party | None = None

    def __init__(self, *, folder: Path, readers: int, tills: int = 0) -> None:
        self.readers: list[Party] = []
        self._pool = ThreadPoolExecutor(max_workers=_AT_ONCE)
        self._background = ThreadPoolExecutor(max_workers=readers + 2)
        self.phones: Party = Child(module=_PHONES, folder=folder, name="phones")
        for number in range(readers):
            self.readers.append(Child(module=_READER, folder=folder, name=f"reader-{number}"))
        if tills:
            self.tills = Child(module=_TILLS, folder=folder, name="tills")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_failure: object) -> None:
        children = [self.phones, *self.readers, *([self.tills] if self.tills else [])]
        for child in children:
            child.dismiss()
        for child in children:
            child.wait()
        for pool in (self._pool, self._background):
            pool.shutdown(cancel_futures=True)

    def begin[Told](self, order: Callable[[], Told]) -> Future[Told]:
        """Carry an order out while others go on."""
        return self._background.submit(order)

    def together(self, *orders: Callable[[], Any]) -> list[Any]:
        """Carry out orders side by side and return their answers in the order given."""
        return [done.result() for done in [self._pool.submit(order) for order in orders]]

    def sync_readers(self, *, at: int) -> list[Answer]:
        """Let every reader fetch the lists now."""
        return self.together(*(_ordered(reader, "sync", at=at) for reader in self.readers))

    def poll_phones(self, phones: Iterable[int], *, at: int) -> list[Answer]:
        """Let each of ``phones`` fetch and acknowledge its commands."""
        return self.together(
            *(_ordered(self.phones, "poll", phone=phone, at=at) for phone in phones)
        )

    def tap(
        self,
        *,
        number: int,
        reader: int,
        phone: int,
        card: str,
        amount_minor: int,
        currency: str,
        at: int,
        cut: tuple[str, str] = ("", ""),
    ) -> Answer:
        """Key an amount in at ``reader`` and tap ``card`` there; return what the phone saw.

        Amounts in minor units of ``currency``; ``at`` is the reader's and the phone's time.
        ``cut``: whose power fails ("phone", "reader"), and if "before" or "after" its writing.
        """
        cuts = {cut[0]: cut[1]}
        asked = self.readers[reader].ask(
            "demand",
            tap_number=number,
            amount_minor=amount_minor,
            currency=currency,
            at=at,
            cut=cuts.get("reader", ""),
        )
        return self.phones.ask(
            "pay",
            phone=phone,
            tap_number=number,
            card=card,
            port=asked["port"],
            at=at,
            cut=cuts.get("phone", ""),
        )

    def void(
        self, *, number: int, reader: int, phone: int, card: str, approval_code: str, at: int
    ) -> Answer:
        """Take the sale of ``approval_code`` back at the reader that approved it."""
        asked = self.readers[reader].ask(
            "demand", tap_number=number, approval_code=approval_code, at=at
        )
        return self.phones.ask(
            "void", phone=phone, tap_number=number, card=card, port=asked["port"], at=at
        )


def _ordered(child: Party, op: str, **words: Any) -> Callable[[], Answer]:
    return lambda: child.ask(op, **words)
