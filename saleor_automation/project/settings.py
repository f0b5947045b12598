"""Settings of the ready-made project, each taken from the environment.

Nothing is needed to start: SQLite, the ORM broker and a console for mail. For
production set SECRET_KEY, DATABASE_URL, SALEOR_AUTOMATION_PUBLIC_URL and EMAIL_URL.
"""

from __future__ import annotations

import os
from urllib.parse import urlsplit

from django.utils.translation import gettext_lazy as _

from saleor_automation.project.environment import (
    automation_from_environment,
    database_from_environment,
    email_from_environment,
    log_level,
    looks_only,
    queue_poll,
    redis_from_environment,
    secret_key,
    state_dir,
)

STATE_DIR = state_dir(os.environ)
SALEOR_AUTOMATION = automation_from_environment(os.environ, STATE_DIR)
PUBLIC = urlsplit(SALEOR_AUTOMATION.get("public_url", "http://127.0.0.1:8080"))

DEBUG = os.environ.get("DEBUG", "") == "1"
SECRET_KEY = secret_key(os.environ, STATE_DIR)
# Saleor sends "Host: localhost" without a port when its IP filter is on, and no URL
# is ever built from the Host header, so only names are checked here.
ALLOWED_HOSTS = sorted(
    {PUBLIC.hostname or "localhost", "localhost", "127.0.0.1", "[::1]"}
    | set(filter(None, os.environ.get("ALLOWED_HOSTS", "").split(",")))
)
CSRF_TRUSTED_ORIGINS = [f"{PUBLIC.scheme}://{PUBLIC.netloc}"]
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = PUBLIC.scheme == "https"
SECURE_REFERRER_POLICY = "same-origin"

ROOT_URLCONF = "saleor_automation.project.urls"
WSGI_APPLICATION = "saleor_automation.project.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

INSTALLED_APPS = [
    "saleor_automation",
    "django_q",
    "anymail",
    "wagtail.contrib.settings",
    "wagtail.contrib.simple_translation",
    "wagtail.snippets",
    "wagtail.documents",
    "wagtail.images",
    "wagtail.embeds",
    "wagtail.users",
    "wagtail.sites",
    "wagtail.search",
    "wagtail.locales",
    "wagtail.admin",
    "wagtail",
    "modelcluster",
    "taggit",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "wagtail.contrib.settings.context_processors.settings",
            ],
        },
    }
]

DATABASES = {"default": database_from_environment(os.environ, STATE_DIR)}

REDIS_URL = redis_from_environment(os.environ)
WORKERS = SALEOR_AUTOMATION.get("workers", 2)
LEASE = SALEOR_AUTOMATION.get("lease_seconds", 120.0)
# A demo and a Studio may share one Redis, but never a queue.
QUEUE = "saleor_automation_demo" if SALEOR_AUTOMATION.get("demo") else "saleor_automation"
# django-q2 is transport only: our tables own retries, so a failed task is dropped at
# once and ``timeout < lease < retry`` keeps two workers off one batch.
Q_CLUSTER = {
    "name": QUEUE,
    "workers": WORKERS,
    "queue_limit": WORKERS,
    "bulk": 1,
    "poll": queue_poll(os.environ),
    "timeout": max(1, int(LEASE / 2)),
    "retry": max(3, int(LEASE * 2.5)),
    "max_attempts": 1,
    "ack_failures": True,
    "save_limit": 20,
    "recycle": 5000,
    "catch_up": False,
    "scheduler": False,
    "guard_cycle": 0.5,
    "log_level": "WARNING",
    **({"redis": REDIS_URL} if REDIS_URL else {"orm": "default"}),
}
CACHES = {
    "default": (
        {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": REDIS_URL,
            "KEY_PREFIX": QUEUE,
        }
        if REDIS_URL
        else {
            "BACKEND": "django.core.cache.backends.filebased.FileBasedCache",
            "LOCATION": str(STATE_DIR / "cache"),
        }
    )
}

globals().update(email_from_environment(os.environ))

USE_TZ = True
# Editors read and plan in the shop's own time; the database keeps UTC.
TIME_ZONE = SALEOR_AUTOMATION.get("report_zone", "UTC")
USE_I18N = True
LANGUAGE_CODE = "en"
LANGUAGES = WAGTAIL_CONTENT_LANGUAGES = [("en", _("English")), ("ms", _("Malay"))]
WAGTAIL_I18N_ENABLED = True
WAGTAIL_SITE_NAME = "Saleor Automation"
WAGTAILADMIN_BASE_URL = f"{PUBLIC.scheme}://{PUBLIC.netloc}"
WAGTAIL_ENABLE_UPDATE_CHECK = False
WAGTAIL_ENABLE_WHATS_NEW_BANNER = False
WAGTAIL_GRAVATAR_PROVIDER_URL = None
WAGTAIL_WORKFLOW_REQUIRE_REAPPROVAL_ON_EDIT = True
WAGTAILADMIN_PERMITTED_LANGUAGES = [("en", "English"), ("ms", "Bahasa Melayu")]
WAGTAILDOCS_EXTENSIONS = ["csv", "docx", "pdf", "pptx", "txt", "xlsx", "zip"]
DATA_UPLOAD_MAX_NUMBER_FIELDS = 10_000
LOGIN_URL = "wagtailadmin_login"

STATIC_URL = "/static/"
STATIC_ROOT = STATE_DIR / "static"
# Files are found in the packages; the folder is for ``collectstatic`` behind a proxy.
if not looks_only(os.environ):
    STATIC_ROOT.mkdir(exist_ok=True)
WHITENOISE_USE_FINDERS = True
MEDIA_URL = "/media/"
MEDIA_ROOT = STATE_DIR / "media"

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": log_level(os.environ)},
}
