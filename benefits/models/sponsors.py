"""Who pays for benefits, and how several share one."""

import pghistory
import pgtrigger
from django.db import models
from django.db.models import Q

from benefits.models.definitions import Definition
from config.states import never_deleted


@pghistory.track()
class Sponsor(models.Model):
    """A merchant, an issuer or a brand. ``owner`` names its account in the ledger: the merchant's
    or the issuer's reference, for a brand its own."""

    class Kind(models.TextChoices):
        MERCHANT = "MERCHANT"
        ISSUER = "ISSUER"
        BRAND = "BRAND"

    reference = models.CharField(max_length=32, unique=True)
    kind = models.CharField(max_length=8, choices=Kind.choices)
    owner = models.CharField(max_length=32)
    name = models.CharField(max_length=80)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["kind", "owner"], name="sponsor_once_per_owner"),
            models.CheckConstraint(
                condition=~Q(kind="BRAND") | Q(owner=models.F("reference")),
                name="sponsor_brand_owns_itself",
            ),
        ]
        triggers = [never_deleted()]

    def __str__(self) -> str:
        return self.name


class CostShare(models.Model):
    """What of a benefit one sponsor bears, in hundredths of a percent; together the whole."""

    definition = models.ForeignKey(
        Definition, on_delete=models.PROTECT, related_name="shares", db_index=False
    )
    sponsor = models.ForeignKey(Sponsor, on_delete=models.PROTECT, related_name="shares")
    bps = models.PositiveIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["definition", "sponsor"], name="costshare_once_per_sponsor"
            ),
            models.CheckConstraint(
                condition=Q(bps__gte=1) & Q(bps__lte=10_000), name="costshare_within_whole"
            ),
        ]
        triggers = [
            pgtrigger.Trigger(
                name="sums_to_whole",
                when=pgtrigger.After,
                operation=pgtrigger.Insert | pgtrigger.Update | pgtrigger.Delete,
                timing=pgtrigger.Deferred,
                func="""
                    IF (SELECT sum(bps) FROM benefits_costshare
                         WHERE definition_id = COALESCE(NEW.definition_id, OLD.definition_id))
                       <> 10000 THEN
                        RAISE EXCEPTION 'the shares of a benefit do not make the whole'
                            USING ERRCODE = 'check_violation';
                    END IF;
                    RETURN NULL;
                """,
            ),
            pgtrigger.Trigger(
                name="fixed_once_published",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert | pgtrigger.Update | pgtrigger.Delete,
                func="""
                    IF (SELECT state FROM benefits_definition
                         WHERE id = COALESCE(NEW.definition_id, OLD.definition_id)) <> 'DRAFT' THEN
                        RAISE EXCEPTION 'the shares of a published benefit stay'
                            USING ERRCODE = 'check_violation';
                    END IF;
                    RETURN COALESCE(NEW, OLD);
                """,
            ),
        ]

    def __str__(self) -> str:
        return f"{self.bps} of {self.definition_id}"
