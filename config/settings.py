"""Django settings. Everything that differs between machines comes from the environment.

``docs/production.md`` lists the variables; the launcher sets all of them for one machine.
"""

from pathlib import Path

import environ
from django.core.exceptions import ImproperlyConfigured
from django.utils.csp import CSP
from django.utils.translation import gettext_lazy as _

BASE_DIR = Path(__file__).resolve().parent.parent
env = environ.Env()

DEMO = env.bool("PAYDESK_DEMO", default=False)
DEBUG = False
DATA_DIR = Path(env.str("PAYDESK_DATA_DIR", default=str(BASE_DIR / ".paydesk")))
SECRET_KEY_FALLBACKS = env.list("PAYDESK_SECRET_KEY_FALLBACKS", default=[])

# Where outsiders reach us: signatures cover this origin (RFC 9421 @target-uri). In the demo it is
# the URL that was asked for (protocol §3).
ORIGIN = env.str("PAYDESK_ORIGIN", default="http://127.0.0.1:8000")
SOCKETS_ORIGIN = env.str("PAYDESK_SOCKETS_ORIGIN", default="ws://127.0.0.1:8001")
RNS_HOST = env.str("PAYDESK_RNS_HOST", default="127.0.0.1")
RNS_PORT = env.int("PAYDESK_RNS_PORT", default=9100)
# Datagrams a second that the result notification server takes of one terminal (a REGISTER counts
# ten), and in vain of one network (/24, or /56 of IPv6); twice as many at once.
RNS_TERMINAL_PER_S = env.int("PAYDESK_RNS_TERMINAL_PER_S", default=1000)
RNS_NETWORK_PER_S = env.int("PAYDESK_RNS_NETWORK_PER_S", default=5000)
# How many T-IDs it keeps in memory (about 400 bytes each), and how many terminals' secrets.
RNS_TIDS = env.int("PAYDESK_RNS_TIDS", default=500_000)
RNS_TERMINALS = env.int("PAYDESK_RNS_TERMINALS", default=100_000)
ALLOWED_HOSTS = env.list("PAYDESK_ALLOWED_HOSTS", default=["127.0.0.1", "localhost", "[::1]"])
CSRF_TRUSTED_ORIGINS = [ORIGIN]
# How many proxies of ours stand in front and append to X-Forwarded-For.
PROXIES = env.int("PAYDESK_PROXIES", default=0)
SECURE = ORIGIN.startswith("https://")
SECRET_KEY = env.str("PAYDESK_SECRET_KEY", default="")
if not SECRET_KEY:
    if SECURE:
        raise ImproperlyConfigured("PAYDESK_SECRET_KEY is not set.")
    SECRET_KEY = "django-insecure-" + "for checks and tests alone " * 2

# Lifetimes in seconds (protocol §2-§7); `up --ttl NAME=SECONDS` shortens them for tests.
_LIFETIMES = {
    "TID": 300,
    "TSN": 600,
    "PSN": 180,
    "CLAIM": 45,
    "PREAPPROVAL": 1800,
    "REDEMPTION": 300,
    "AUTHENTICATION": 300,
}
TTL_SHORTENED = [name for name in _LIFETIMES if f"PAYDESK_TTL_{name}" in env.ENVIRON]
# What one phone may ask of one card: each certificate takes a list number and a signature.
CERTIFICATES_PER_HOUR = env.int("PAYDESK_CERTIFICATES_PER_HOUR", default=10)
TTL_S = {name: env.int(f"PAYDESK_TTL_{name}", default=s) for name, s in _LIFETIMES.items()}

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "channels",
    "django_htmx",
    "django_otp",
    "axes",
    "pgtrigger",
    "pghistory",
    "django_structlog",
    "config",
    "issuers",
    "merchants",
    "wallets",
    "benefits",
    "settlement",
]

MIDDLEWARE = [
    "config.middleware.RequestId",
    "config.logs.RequestLog",
    "config.meters.RequestMeter",
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django.middleware.csp.ContentSecurityPolicyMiddleware",
    "config.middleware.NoNul",  # below the three above: its refusals carry their headers too
    "config.middleware.NoFlood",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django_otp.middleware.OTPMiddleware",
    "config.middleware.SignedInPerson",
    "config.portal.downloads.DownloadTrail",
    "django.contrib.messages.middleware.MessageMiddleware",
    "config.portal.live_numbers.LiveNumbersKeptOut",
    "django_htmx.middleware.HtmxMiddleware",
    "config.middleware.Refusals",
    "axes.middleware.AxesMiddleware",
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
ASGI_APPLICATION = "config.asgi.application"
APPEND_SLASH = False

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.csp",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "config.context.shell",
            ],
            "builtins": [
                "config.templatetags.ui",
                "config.templatetags.fields",
                "config.templatetags.figures",
                "django.templatetags.static",
                "django.templatetags.i18n",
            ],
        },
    }
]

DATABASES = {
    "default": env.db_url("DATABASE_URL", default="postgresql://portal@/paydesk")
    | {
        "CONN_MAX_AGE": env.int("PAYDESK_CONN_MAX_AGE", default=0),
        "CONN_HEALTH_CHECKS": True,
        "ATOMIC_REQUESTS": False,
    }
}
DATABASES["default"].setdefault("OPTIONS", {}).setdefault("connect_timeout", 5)
# What the driver's own cursors (config.pipeline) send so often on one connection is planned once;
# 0: never, for poolers that know no prepared statements. The ORM's cursors never do.
PREPARE_AFTER = env.int("PAYDESK_PREPARE_AFTER", default=5)
DATABASES["default"]["OPTIONS"].setdefault("prepare_threshold", PREPARE_AFTER or None)
REDIS_URL = env.str("REDIS_URL", default="redis://127.0.0.1:6379")

# redis-py's read timeout would equal the layer's blocking pop and kill idle consumers.
CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {
            "hosts": [{"address": REDIS_URL, "socket_timeout": None}],
            "prefix": env.str("PAYDESK_CHANNEL_PREFIX", default="paydesk"),
        },
    }
}
CACHES = {
    "default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": REDIS_URL}
}

AUTH_USER_MODEL = "config.User"
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 15},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator",
        "OPTIONS": {"user_attributes": ("email", "name")},
    },
]
LOGIN_URL = "sign-in"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "sign-in"
PASSWORD_RESET_TIMEOUT = 3600
OTP_TOTP_ISSUER = "Paydesk"
AXES_FAILURE_LIMIT = 10  # PCI DSS 8.3.4: at most ten tries, then at least 30 minutes
AXES_COOLOFF_TIME = 0.5
AXES_RESET_ON_SUCCESS = True
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_LOCKOUT_CALLABLE = "config.portal.sign_in.locked_out"
AXES_CLIENT_IP_CALLABLE = "config.people.access.address_of"
AXES_ENABLE_ADMIN = False
AXES_VERBOSE = False

SESSION_ENGINE = "django.contrib.sessions.backends.db"
SESSION_COOKIE_NAME = "__Host-paydesk" if SECURE else "paydesk"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = 12 * 3600
SESSION_IDLE_S = 3600  # NIST SP 800-63B-4 AAL2: one hour idle
CSRF_FAILURE_VIEW = "config.faults.form_expired"
CSRF_COOKIE_NAME = "__Host-paydesk-csrf" if SECURE else "paydesk-csrf"
SECURE_SSL_REDIRECT = SECURE
SECURE_REDIRECT_EXEMPT = [r"^(healthz|readyz|metrics)$"]  # asked from inside, without the proxy
SECURE_HSTS_SECONDS = 31536000 if SECURE else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE
SECURE_HSTS_PRELOAD = SECURE
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if SECURE else None
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
SECURE_CSP: dict[str, list[str]] = {
    "default-src": [CSP.NONE],
    "script-src": [CSP.SELF, CSP.NONCE],
    "style-src": [CSP.SELF],
    "img-src": [CSP.SELF, "data:"],
    "font-src": [CSP.SELF],
    "connect-src": [CSP.SELF, SOCKETS_ORIGIN],
    "form-action": [CSP.SELF],
    "base-uri": [CSP.NONE],
    "frame-ancestors": [CSP.NONE],
    "object-src": [CSP.NONE],
    "manifest-src": [CSP.SELF],
}

LANGUAGE_CODE = "en"
LANGUAGES = [("en", _("English"))]
LOCALE_PATHS = [BASE_DIR / "locale"]
TIME_ZONE = "UTC"
USE_TZ = True

STATIC_URL = "/static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATIC_ROOT = env.str("PAYDESK_STATIC_ROOT", default=str(DATA_DIR / "static"))
WHITENOISE_USE_FINDERS = env.bool("PAYDESK_STATIC_FROM_SOURCE", default=not SECURE)
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if WHITENOISE_USE_FINDERS
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "config.api.authentication.DeviceSignature",
        "config.api.authentication.ApiKey",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_PARSER_CLASSES": ["config.api.parsers.StrictJSON"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_SCHEMA_CLASS": "config.api.schema.Schema",
    "EXCEPTION_HANDLER": "config.api.problems.handle",
    "UNAUTHENTICATED_USER": None,
    "COERCE_DECIMAL_TO_STRING": False,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Paydesk API",
    "DESCRIPTION": "Devices sign their requests (RFC 9421); servers send an API key.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "POSTPROCESSING_HOOKS": ["config.api.schema.add_problems"],  # enums stay where they are used
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
}
DATA_UPLOAD_MAX_MEMORY_SIZE = 4 * 2**20
PAGE_BODY_MAX_BYTES = 5 * 2**20  # the largest form: a file of 4 MiB and what stands beside it
BATCH_MAX_BYTES = 2 * 2**20

# What an enrolment means to the app that owns the kind: the floor names apps by dotted string.
ENROLMENT_OWNERS = {
    "PHONE": "wallets.services.phones.enrol",
    "TERMINAL": "merchants.services.equipment.enrol",
    "READER": "merchants.services.equipment.enrol",
    "ATM": "merchants.services.equipment.enrol",
    "RELAY": "merchants.services.equipment.enrol",
}
# ``(*, owner: str, store: str) -> None`` refuses an owner or store that is not there.
ENROLMENT_OWNER_CHECKS = {
    "PHONE": "wallets.services.customers.refuse_unknown",
    "TERMINAL": "merchants.services.merchants.refuse_unknown",
    "READER": "merchants.services.merchants.refuse_unknown",
    "ATM": "merchants.services.merchants.refuse_unknown",
    "RELAY": "merchants.services.merchants.refuse_unknown",
}
# The ``config.signatures.OwnerBar`` of a device whose owner may not act now (protocol §3).
DEVICE_OWNER_BARS = {
    "TERMINAL": "merchants.services.equipment.SUSPENDED",
    "READER": "merchants.services.equipment.SUSPENDED",
    "ATM": "merchants.services.equipment.SUSPENDED",
    "RELAY": "merchants.services.equipment.SUSPENDED",
}
# ``(*, device: Device) -> dict``: the limits of its kind in ``GET /device/config``.
DEVICE_LIMITS = {
    "PHONE": "wallets.services.phones.limits_of",
    "TERMINAL": "merchants.services.equipment.limits_of",
    "READER": "merchants.services.equipment.limits_of",
    "ATM": "merchants.services.equipment.limits_of",
    "RELAY": "merchants.services.equipment.limits_of",
}
# ``(*, device, actor, reason, at) -> None`` ends what a revoked device of that kind carried.
DEVICE_ENDINGS = {"PHONE": "wallets.services.phones.end"}
API_KEY_LOOKUP = "merchants.services.api_keys.look_up"
# ``(event: Event) -> dict``: an event as ``GET /merchant/events`` tells it, which webhooks send.
EVENT_TELLER = "settlement.selectors.payments.event_as_told"
SOCKET_ROUTES = ["settlement.sockets", "wallets.sockets"]
# The parts that ``/healthz`` asks for: what this installation runs.
EXPECTED_PARTS = env.list("PAYDESK_PARTS", default=["database", "broker"])
# What ``/metrics`` tells: functions ``(*, at: datetime) -> Iterator[Metric]``, and who may ask from
# another machine.
METRICS = [
    "config.measures.families",
    "issuers.selectors.measures.families",
    "merchants.selectors.measures.families",
    "merchants.selectors.webhook_measures.families",
    "settlement.selectors.measures.families",
]
METRICS_TOKEN = env.str("PAYDESK_METRICS_TOKEN", default="")
# Our own reverse proxies in front: whose X-Forwarded-For entry to believe.
PROXIES = env.int("PAYDESK_PROXIES", default=0)
# Whom people work for: rows with ``reference`` and ``name``, and ``time_zone`` where they have one.
TENANT_MODELS = {
    "ISSUER": "issuers.Issuer",
    "MERCHANT": "merchants.Merchant",
    "SPONSOR": "benefits.Sponsor",
}
# Tables by month of ``at``. ``months``: how many whole ones are kept before the running one (0: for
# ever). ``once``: columns unique in each month. ``needed``: ``(*, first, until, at) -> str``, why a
# month cannot go yet, "" if it can.
MONTHLY = {
    "config.Event": {
        "months": env.int("PAYDESK_KEEP_EVENTS_MONTHS", default=24),
        "once": ["scope", "seq"],
        "needed": ["config.events.unnumbered_in"],
    },
    "issuers.BlacklistDownload": {
        "months": env.int("PAYDESK_KEEP_DOWNLOADS_MONTHS", default=13),
        "once": [],
        "needed": ["settlement.selectors.retained.downloads_needed"],
    },
    "merchants.DatagramRecord": {
        "months": env.int("PAYDESK_KEEP_DATAGRAMS_MONTHS", default=13),
        "once": [],
        "needed": [],
    },
    "merchants.WebhookDelivery": {
        "months": env.int("PAYDESK_KEEP_DELIVERIES_MONTHS", default=3),
        "once": ["endpoint_id", "webhook_id"],
        "needed": ["merchants.selectors.webhooks.pending_in"],
    },
    "merchants.WebhookAttempt": {
        "months": env.int("PAYDESK_KEEP_DELIVERIES_MONTHS", default=3),
        "once": [],
        "needed": [],
    },
}
ARCHIVE_DIR = env.str("PAYDESK_ARCHIVE_DIR", default="")  # where months go before they are dropped
# How long after a tap its liability may still be disputed.
DISPUTE_DAYS = env.int("PAYDESK_DISPUTE_DAYS", default=180)
# What stands on a person's first page: modules with ``tiles`` and ``attention``.
HOME = [
    "issuers.portal.home",
    "merchants.portal.home",
    "benefits.portal.home",
    "settlement.portal.home",
    "config.portal.desk",
]
NAV = [
    "issuers.portal.nav.items",
    "merchants.portal.nav.items",
    "benefits.portal.nav.items",
    "settlement.portal.nav.items",
    "config.portal.nav.items",
]

# Places (host:port) that a webhook may go to whatever they lead to, and a file of certificates that
# are trusted beside the system's: for the demo's receiver and for tests. `check --deploy` refuses.
WEBHOOK_ALLOW = frozenset(env.list("PAYDESK_WEBHOOK_ALLOW", default=[]))
WEBHOOK_TRUST = env.str("PAYDESK_WEBHOOK_TRUST", default="")
WEBHOOK_ECHO = env.str("PAYDESK_WEBHOOK_ECHO", default="")  # the demo's receiver
# After this long a delivery that a killed process had taken on is anybody's again.
WEBHOOK_LEASE_S = env.float("PAYDESK_WEBHOOK_LEASE_S", default=30.0)
# How long a secret goes on signing beside the one that takes over.
WEBHOOK_OVERLAP_H = env.int("PAYDESK_WEBHOOK_OVERLAP_H", default=24)

# What an issuer's own system has for its word, and after how long without a sign of the process
# that asked another one asks again.
AUTHORISER_DEADLINE_S = env.float("PAYDESK_AUTHORISER_DEADLINE_S", default=5.0)
AUTHORISER_LEASE_S = env.float("PAYDESK_AUTHORISER_LEASE_S", default=1.5)

# How long a killed worker's messages stay hidden from the others; its batches wait a quarter of it.
VISIBILITY_TIMEOUT_S = env.int("PAYDESK_VISIBILITY_TIMEOUT_S", default=90)
POSTING_LEASE_S = min(20.0, VISIBILITY_TIMEOUT_S / 4)
CELERY_BROKER_URL = REDIS_URL.replace("unix://", "redis+socket://", 1)
CELERY_RESULT_BACKEND = None
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_TIME_LIMIT = 60
CELERY_TASK_SOFT_TIME_LIMIT = 50
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": VISIBILITY_TIMEOUT_S,
    # A broker that stands still must not hold a request for as long as it does.
    "socket_timeout": 2,
    "socket_connect_timeout": 2,
    # A hint must not hold a request up while the broker is down; the schedule makes up for it.
    "max_retries": 1,
    "interval_start": 0,
    "interval_step": 0.1,
    "interval_max": 0.2,
    "global_keyprefix": env.str("PAYDESK_CHANNEL_PREFIX", default="paydesk") + ":",
}
# A message that no worker took in time is worth nothing: the next one finds the same rows.
CELERY_BEAT_SCHEDULE = {
    name: {"task": task, "schedule": every_s, "options": {"expires": 2 * every_s}}
    for name, task, every_s in (
        ("heartbeat", "config.tasks.beat_worker", 5.0),
        ("publish-blacklists", "issuers.tasks.publish_waiting", 3.0),
        ("push-commands", "issuers.tasks.push_due", 1.0),
        ("post-batches", "settlement.tasks.post_waiting", 2.0),
        ("end-requests", "settlement.tasks.end_due", 1.0),
        ("end-overdue", "settlement.tasks.end_overdue", 1.0),
        ("roll-up-days", "settlement.tasks.roll_up_days", 1.0),
        ("give-earnings", "settlement.tasks.give_earnings", 5.0),
        ("try-stuck-again", "settlement.tasks.try_stuck_again", 60.0),
        ("close-days", "settlement.tasks.close_days", 3.0),
        ("draw-up-payouts", "settlement.tasks.draw_up_payouts", 600.0),
        ("watch-readers", "settlement.tasks.watch_readers", 3600.0),
        ("end-benefits", "benefits.tasks.end_due", 10.0),
        ("run-imports", "issuers.tasks.run_imports", 3.0),
        ("release-reserves", "issuers.tasks.release_reserves", 600.0),
        ("renew-certificates", "issuers.tasks.renew_due", 3600.0),
        ("forget-authentications", "wallets.tasks.forget_authentications", 300.0),
        ("write-files", "config.tasks.write_files", 3.0),
        ("forget-nonces", "config.tasks.forget_expired", 300.0),
        ("mail-resets", "config.tasks.mail_resets", 5.0),
        ("make-months", "config.tasks.make_months", 21600.0),
        ("retire-months", "config.tasks.retire_months", 86400.0),
    )
}

MAILED = bool(env.str("EMAIL_URL", default=""))
if MAILED:
    globals().update(env.email_url("EMAIL_URL"))
else:
    EMAIL_BACKEND = "config.mail.Mailbox"
DEFAULT_FROM_EMAIL = env.str("PAYDESK_MAIL_FROM", default="paydesk@localhost")

DJANGO_STRUCTLOG_CELERY_ENABLED = False
LOGGING_CONFIG = "config.logs.configure"
LOGGING = {"level": env.str("PAYDESK_LOG_LEVEL", default="INFO")}
SILENCED_SYSTEM_CHECKS: list[str] = []
