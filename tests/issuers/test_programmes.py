"""Issuers, programmes and effective-dated offline limits."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction

from config import keys
from config.audit import SYSTEM
from config.models import Audit
from config.money import UnknownCurrency
from issuers.models import OfflineProfileVersion
from issuers.services import issuers, profiles, programmes
from issuers.services.profiles import Caps
from tests.factories import issuers as made

pytestmark = pytest.mark.django_db


def caps(**changed):
    return Caps(
        **{
            "per_payment_cap_minor": 50,
            "cumulative_cap_minor": 200,
            "unverified_cap_minor": 50,
        }
        | changed
    )


class TestAnIssuer:
    def test_signs_from_its_first_moment(self, noon):
        issuer = made.issuer(at=noon)

        assert keys.signer(holder=issuer.reference, at=noon).public

    def test_is_audited_when_added(self, noon):
        issuer = made.issuer(at=noon)

        assert Audit.objects.get(action="issuer.add").subject == issuer.reference

    def test_lives_in_a_known_time_zone(self, noon):
        with pytest.raises(issuers.TimeZoneUnknown):
            issuers.add(name="Nowhere", time_zone="Mars/Olympus", at=noon, actor=SYSTEM)


class TestDefaultCaps:
    @pytest.mark.parametrize(
        ("currency", "payment", "total"),
        [
            ("KRW", 50_000, 200_000),
            ("JPY", 50_000, 200_000),
            ("USD", 5_000, 20_000),
            ("KWD", 50_000, 200_000),
        ],
    )
    def test_scale_to_the_currency(self, currency, payment, total):
        told = profiles.default_caps(currency=currency)

        assert (told.per_payment_cap_minor, told.cumulative_cap_minor) == (payment, total)

    def test_are_the_missions(self):
        told = profiles.default_caps(currency="KRW")

        assert (told.lower_uses, told.upper_uses, told.contact_days) == (5, 10, 4)

    def test_need_a_currency(self, noon):
        with pytest.raises(UnknownCurrency):
            made.programme(currency="XQQ", at=noon)


class TestLimits:
    def test_take_effect_when_they_say(self, noon):
        programme = made.programme(at=noon)
        later = noon + timedelta(days=2)

        profiles.change(
            programme=programme, effective_from=later, caps=caps(), at=noon, actor=SYSTEM
        )

        assert profiles.in_force(programme=programme, at=later - timedelta(seconds=1)).version == 1
        assert profiles.in_force(programme=programme, at=later).version == 2

    def test_do_not_exist_before_the_programme(self, noon):
        programme = made.programme(at=noon)

        with pytest.raises(profiles.ProfileMissing):
            profiles.in_force(programme=programme, at=noon - timedelta(seconds=1))

    def test_cannot_change_in_the_past(self, noon):
        programme = made.programme(at=noon)

        with pytest.raises(profiles.ProfileInPast):
            profiles.change(
                programme=programme,
                effective_from=noon - timedelta(seconds=1),
                caps=caps(),
                at=noon,
                actor=SYSTEM,
            )

    @pytest.mark.parametrize(
        "wrong",
        [
            {"per_payment_cap_minor": 0},
            {"per_payment_cap_minor": 201},
            {"unverified_cap_minor": 51},
            {"unverified_cap_minor": -1},
            {"lower_uses": 11},
            {"contact_days": 0},
        ],
    )
    def test_in_disorder_are_refused_here_and_in_the_database(self, wrong, noon):
        programme = made.programme(at=noon)
        unchecked = caps(**wrong)

        with pytest.raises(profiles.CapsOutOfOrder):
            unchecked.check()
        with pytest.raises(IntegrityError), transaction.atomic():
            OfflineProfileVersion.objects.create(
                programme=programme,
                version=9,
                effective_from=noon,
                **{field: getattr(unchecked, field) for field in Caps.__dataclass_fields__},
            )


class TestAProgramme:
    def edit(self, programme, noon, days=3):
        return programmes.edit(
            programme=programme,
            name="Renamed",
            certificate_rule="STEP_UP",
            certificate_days=days,
            reset_on_posting=True,
            at=noon,
            actor=SYSTEM,
        )

    def test_is_edited_with_before_and_after_in_the_audit(self, noon):
        edited = self.edit(made.programme(at=noon), noon)

        told = Audit.objects.get(action="programme.edit")
        assert edited.certificate_rule == "STEP_UP"
        assert (told.before["certificate_days"], told.after["certificate_days"]) == (7, 3)

    @pytest.mark.parametrize("days", [0, 8])
    def test_never_certifies_for_more_than_a_week(self, days, noon):
        with pytest.raises(programmes.CertificateDaysInvalid):
            self.edit(made.programme(at=noon), noon, days=days)
