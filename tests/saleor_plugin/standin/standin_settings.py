"""Settings shaped like Saleor's: no ``contrib.auth``, our entry point's name at the end."""

from __future__ import annotations

import os
from urllib.parse import urlsplit

SECRET_KEY = "stand-in"
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.AutoField"
ROOT_URLCONF = "standin_urls"
INSTALLED_APPS = [
    "django.contrib.contenttypes",
    "saleor.account",
    "saleor.checkout",
    "saleor.order",
    "saleor.app",
    "saleor.webhook",
    "saleor.plugins",
    "saleor_automation.saleor_plugin",
]
_url = urlsplit(os.environ.get("STANDIN_DATABASE_URL", ""))
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": _url.path.lstrip("/"),
        "HOST": _url.hostname,
        "PORT": _url.port,
        "USER": _url.username,
        "PASSWORD": _url.password or "",
        "TEST": {"NAME": f"test_{_url.path.lstrip('/')}_plugin"},
    }
    if _url.hostname
    else {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}
}
CELERY_BEAT_SCHEDULE: dict = {}
PLUGINS: list[str] = []
