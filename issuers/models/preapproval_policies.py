"""What a programme lets its holders have approved beforehand (mission §5)."""

from typing import Final

import pghistory
from django.db import models
from django.db.models import F, Q

from issuers.models.issuers import Programme

VALID_MAX_S: Final = 24 * 3600  # a number that was seen over a shoulder is worth no more than a day


@pghistory.track()
class PreapprovalPolicy(models.Model):
    """The rules of one programme, once somebody set them; before that the house's own hold.

    Amounts in minor units of the programme's currency, ``…_s`` in seconds. ``delegated_allowed``:
    somebody else may take the number to the machine; where not, it needs its holder's pickup code.
    Outstanding and by day count one customer's pre-approvals of this programme.
    """

    programme = models.OneToOneField(
        Programme, on_delete=models.PROTECT, related_name="preapproval_policy"
    )
    cash_allowed = models.BooleanField()
    gift_allowed = models.BooleanField()
    lottery_allowed = models.BooleanField()
    valid_default_s = models.PositiveIntegerField()
    valid_max_s = models.PositiveIntegerField()
    pickup_code_needed = models.BooleanField()  # CASH
    partial_allowed = models.BooleanField()
    delegated_allowed = models.BooleanField()
    outstanding_max = models.PositiveSmallIntegerField()
    daily_count_max = models.PositiveSmallIntegerField()
    daily_sum_max_minor = models.BigIntegerField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(valid_default_s__gte=1)
                & Q(valid_default_s__lte=F("valid_max_s"))
                & Q(valid_max_s__lte=VALID_MAX_S),
                name="preapprovalpolicy_validity_in_order",
            ),
            models.CheckConstraint(
                condition=Q(daily_sum_max_minor__gte=0), name="preapprovalpolicy_sum_not_negative"
            ),
        ]

    def __str__(self) -> str:
        return f"pre-approvals of {self.programme_id}"
