"""People with a password: staff of issuers, merchants and the platform."""

from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Lower
from django.utils import timezone

from config.roles import Role, TenantKind


class UserAccounts(BaseUserManager["User"]):
    """How Django's own parts look a user up; rules live in ``config.people``."""

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        user = self.model(email=email.strip().lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def get_by_natural_key(self, username: str | None) -> "User":
        return self.get(email__iexact=username or "")


class User(AbstractBaseUser):
    """One person, whatever the tenants the person works for; never shared, never deleted."""

    email = models.EmailField(unique=True)
    name = models.CharField(max_length=80)
    time_zone = models.CharField(max_length=64, default="Asia/Seoul")
    shortcuts = models.BooleanField(default=True)  # WCAG 2.1.4: single keys can be switched off
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)
    left_at = models.DateTimeField(null=True, blank=True)

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = ["name"]

    objects = UserAccounts()

    class Meta:
        constraints = [
            models.UniqueConstraint(Lower("email"), name="user_email_once_in_any_case"),
            models.CheckConstraint(
                condition=Q(left_at=None) | Q(is_active=False), name="user_who_left_is_not_active"
            ),
        ]

    def __str__(self) -> str:
        return self.name or self.email

    def get_full_name(self) -> str:
        return self.name

    def get_short_name(self) -> str:
        return self.name


class Membership(models.Model):
    """A person's role at one tenant, from ``created_at`` until ``ended_at``."""

    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="memberships")
    role = models.CharField(max_length=24, choices=Role.choices)
    tenant_kind = models.CharField(max_length=12, choices=TenantKind.choices)
    tenant = models.CharField(
        max_length=32, blank=True
    )  # the tenant's reference; "" for the platform
    created_at = models.DateTimeField(default=timezone.now)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["user", "tenant_kind", "tenant"],
                condition=Q(ended_at=None),
                name="membership_one_live_role_per_tenant",
            ),
            models.CheckConstraint(
                condition=Q(tenant_kind="PLATFORM", tenant="")
                | ~Q(tenant_kind="PLATFORM") & ~Q(tenant=""),
                name="membership_names_its_tenant",
            ),
        ]
        indexes = [models.Index(fields=["tenant_kind", "tenant"], name="membership_tenant")]

    def __str__(self) -> str:
        return f"{self.user} as {self.role} of {self.tenant or 'the platform'}"


class Invitation(models.Model):
    """A one-time way in for a new member; only the token's hash is kept."""

    token_hash = models.BinaryField(max_length=32, unique=True)
    email = models.EmailField()
    name = models.CharField(max_length=80)
    role = models.CharField(max_length=24, choices=Role.choices)
    tenant_kind = models.CharField(max_length=12, choices=TenantKind.choices)
    tenant = models.CharField(max_length=32, blank=True)
    invited_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True, blank=True)
    withdrawn_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(expires_at__gt=F("created_at")), name="invitation_ends_after_it_begins"
            )
        ]

    def __str__(self) -> str:
        return f"invitation of {self.email}"


class SignInSession(models.Model):
    """A browser a person is signed in with, so that it can be listed and ended."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="sign_in_sessions")
    session_key = models.CharField(max_length=40, unique=True)
    address = models.GenericIPAddressField(null=True)
    agent = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    seen_at = models.DateTimeField(default=timezone.now)
    verified_at = models.DateTimeField(null=True, blank=True)  # when the second factor was shown
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["user"], condition=Q(ended_at=None), name="signinsession_live")
        ]

    def __str__(self) -> str:
        return f"{self.user} from {self.address}"


class OneTimeLink(models.Model):
    """A link good for one use; only the token's hash is kept."""

    class Purpose(models.TextChoices):
        SIGN_IN = "SIGN_IN"  # the demo's way in, never outside of it
        PASSWORD = "PASSWORD"  # noqa: S105  (choose a new password)
        SECOND_FACTOR = "SECOND_FACTOR"  # set up the second factor, beside the password

    purpose = models.CharField(max_length=16, choices=Purpose.choices)
    token_hash = models.BinaryField(max_length=32, unique=True)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(expires_at__gt=F("created_at")), name="onetimelink_ends_after_it_begins"
            )
        ]
        indexes = [models.Index(fields=["user", "purpose"], name="onetimelink_of_user")]

    def __str__(self) -> str:
        return f"{self.purpose} link of {self.user}"


class SentMail(models.Model):
    """A mail the demo kept instead of sending it (``EMAIL_URL=mailbox://``)."""

    to = models.CharField(max_length=320)
    subject = models.CharField(max_length=200)
    body = models.TextField()
    sent_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        indexes = [models.Index(fields=["-sent_at"], name="sentmail_newest")]

    def __str__(self) -> str:
        return f"{self.subject} to {self.to}"
