"""People with a role, and browsers they are signed in with."""

from datetime import UTC, datetime

import factory
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from django.test import Client
from django.utils import timezone
from django_otp import DEVICE_ID_SESSION_KEY
from django_otp.oath import TOTP

from config import sealing
from config.models import Authenticator, Membership, SignInSession, User
from config.roles import KIND_OF, Role

PASSWORD = "correct horse battery staple"
SEED = b"12345678901234567890"  # RFC 6238 appendix B
JOINED = datetime(2026, 11, 1, tzinfo=UTC)


class UserFactory(factory.django.DjangoModelFactory):
    """Somebody without a password: hashing one costs a test 50 ms, so say when it is needed."""

    class Meta:
        model = User

    email = factory.Sequence(lambda n: f"person{n}@example.com")
    name = factory.Sequence(lambda n: f"Person {n}")
    password = "!"


class MembershipFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Membership

    user = factory.SubFactory(UserFactory)
    role = Role.PLATFORM_ADMIN
    tenant_kind = factory.LazyAttribute(lambda made: KIND_OF[Role(made.role)])
    tenant = ""
    created_at = JOINED


def member(role, tenant="", **fields):
    """Return somebody who works as ``role`` at ``tenant`` ("" for the platform)."""
    return MembershipFactory(role=role, tenant=tenant, user=UserFactory(**fields)).user


def with_password(user, password=PASSWORD):
    """Give ``user`` a password."""
    user.set_password(password)
    user.save()
    return user


def with_authenticator(user, seed=SEED):
    """Give ``user`` an authenticator with a known seed."""
    context = f"config_authenticator.sealed_key:{user.pk}"
    return Authenticator.objects.create(
        user=user, name="Authenticator", sealed_key=sealing.seal(seed, context=context)
    )


def code_at(at, seed=SEED):
    """Return what an authenticator shows at ``at``."""
    totp = TOTP(seed)
    totp.time = at.timestamp()
    return f"{totp.token():06d}"


def signed_in(user, client=None):
    """Return a browser ``user`` is signed in with, both factors given.

    The rows are those a sign-in leaves; going through one costs five times as many statements.
    """
    client = client or Client()
    factor = Authenticator.objects.filter(user=user, confirmed=True).first()
    now = timezone.now()
    session = SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session[DEVICE_ID_SESSION_KEY] = (factor or with_authenticator(user)).persistent_id
    session.create()
    client.cookies[settings.SESSION_COOKIE_NAME] = session.session_key
    User.objects.filter(pk=user.pk).update(last_login=now)
    SignInSession.objects.create(
        user=user, session_key=session.session_key, created_at=now, seen_at=now, verified_at=now
    )
    return client
