from benefits.models.definitions import BudgetSlot, Definition
from benefits.models.earnings import Accrual, Clawback, Earning, StampCard
from benefits.models.holdings import Holding, Lot
from benefits.models.plans import Plan, PlanSelection, WrongNumber
from benefits.models.redemptions import Lock, LotTake, Redemption, Restoration
from benefits.models.sponsors import CostShare, Sponsor

__all__ = [
    "Accrual",
    "BudgetSlot",
    "Clawback",
    "CostShare",
    "Definition",
    "Earning",
    "Holding",
    "Lock",
    "Lot",
    "LotTake",
    "Plan",
    "PlanSelection",
    "Redemption",
    "Restoration",
    "Sponsor",
    "StampCard",
    "WrongNumber",
]
