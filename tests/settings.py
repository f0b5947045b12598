"""Settings of the test suite: SQLite in memory, or DATABASE_URL."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

os.environ.setdefault(
    "SALEOR_AUTOMATION_STATE_DIR", str(Path(tempfile.gettempdir()) / f"sa-tests-{os.getpid()}")
)
os.environ.setdefault("SECRET_KEY", "tests only")

from saleor_automation.project.settings import *  # noqa: F403

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
SALEOR_AUTOMATION = {
    "public_url": "https://studio.example",
    "saleor_api_url": "http://localhost:8000/graphql/",
    "environment": "tests",
    "state_dir": os.environ["SALEOR_AUTOMATION_STATE_DIR"],
}
ALLOWED_HOSTS = ["*"]
WHITENOISE_AUTOREFRESH = True
