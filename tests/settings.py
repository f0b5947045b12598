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
    # No test asks a real name server.
    "verification_dns": False,
}
ALLOWED_HOSTS = ["*"]
WHITENOISE_AUTOREFRESH = True
# The suite looks into the queue's table, and most tests run inside a transaction that never
# commits. Redis is tried by test_sequences_redis.py and by the demo.
Q_CLUSTER = {key: value for key, value in Q_CLUSTER.items() if key != "redis"}  # noqa: F405
Q_CLUSTER["orm"] = "default"
