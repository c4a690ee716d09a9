"""A customer's number at a till in virtual time: the quote, and how the purchase ends."""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any, Final

from settlement.simulation.sales import Ending, Visit
from settlement.simulation.virtual.agenda import Agenda
from settlement.simulation.virtual.cash_desk import CashDesk
from settlement.simulation.virtual.customer import Customer

_TO_TILL_S: Final = (1.0, 20.0)
_AT_TILL_S: Final = (1.0, 40.0)
_BY_PHONE: Final = frozenset({Ending.PHONE, Ending.CONSENT, Ending.TAKEN_BACK})
_NEXT: Final = {
    Ending.CASH: ("confirm", {"tender": "CASH"}),
    Ending.CARD: ("confirm", {"tender": "CARD"}),
    Ending.ABANDONED: ("abandon", None),
    Ending.TAKEN_BACK: ("cancel", None),
}


@dataclass(slots=True, kw_only=True)
class Round:
    """The visits of one street; ``ended`` hears of each that is over."""

    agenda: Agenda
    random: Random
    currency: str
    ended: Callable[[], None]

    def begin(self, visit: Visit, *, desk: CashDesk, customer: Customer) -> None:
        """Let the customer plan; the number is at the till some seconds later."""
        most = 1 if visit.ending is Ending.CONSENT else visit.amount_minor
        plan = customer.plan(pays_most=most if visit.ending in _BY_PHONE else None)
        if plan is None:
            self.ended()
            return
        self._after(_TO_TILL_S, lambda: self._present(visit, plan, desk, customer))

    def _present(
        self, visit: Visit, plan: dict[str, Any], desk: CashDesk, customer: Customer
    ) -> None:
        by_phone = visit.ending in _BY_PHONE
        code = customer.code(plan) if by_phone else plan["code"]
        body = {"code": code, "amount": visit.amount_minor, "currency": self.currency}
        told = desk.checkout("", body, visit=visit.number)
        if told is None or visit.ending is Ending.LEFT:
            self.ended()  # a newer plan of the phone's ended this one; or time will
        elif told["state"] == "CONSENT_REQUIRED":
            self._after(_AT_TILL_S, lambda: self._agree(visit, plan, told, desk, customer))
        else:
            self._after(_AT_TILL_S, lambda: self._end(visit, told, desk))

    def _agree(
        self,
        visit: Visit,
        plan: dict[str, Any],
        told: dict[str, Any],
        desk: CashDesk,
        customer: Customer,
    ) -> None:
        customer.agree(plan, told["checkout"])
        desk.look(told["checkout"], visit=visit.number)
        self.ended()

    def _end(self, visit: Visit, told: dict[str, Any], desk: CashDesk) -> None:
        if visit.ending in _NEXT:
            act, body = _NEXT[visit.ending]
            desk.checkout(f"/{told['checkout']}/{act}", body, visit=visit.number)
        self.ended()

    def _after(self, bounds_s: tuple[float, float], act: Callable[[], None]) -> None:
        self.agenda.after(self.random.uniform(*bounds_s), act)
