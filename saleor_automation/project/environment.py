"""Reads the environment into settings: pure functions of a mapping.

Knows names of variables and their types. Raises UsageError-like ValueErrors that
say which variable is wrong and what it should look like.
"""

from __future__ import annotations

import dataclasses
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

PREFIX = "SALEOR_AUTOMATION_"


def automation_from_environment(environ: Mapping[str, str], state_dir: Path) -> dict[str, Any]:
    """Return the ``SALEOR_AUTOMATION`` dict from ``SALEOR_AUTOMATION_*`` variables.

    Raises ValueError naming the variable whose value has the wrong type.
    """
    from saleor_automation.conf import Conf

    result: dict[str, Any] = {"state_dir": state_dir}
    for field in dataclasses.fields(Conf):
        name = PREFIX + field.name.upper()
        if field.name == "state_dir" or name not in environ:
            continue
        value = environ[name]
        kind = str(field.type)
        try:
            if kind == "bool":
                result[field.name] = value.lower() in {"1", "true", "yes", "on"}
            elif kind == "int":
                result[field.name] = int(value)
            elif kind == "float":
                result[field.name] = float(value)
            else:
                result[field.name] = value
        except ValueError:
            raise ValueError(f"{name} must be a number, not {value!r}.") from None
    return result


def secret_key(environ: Mapping[str, str], state_dir: Path) -> str:
    """Return SECRET_KEY, or one kept in the state folder so that links stay valid."""
    if environ.get("SECRET_KEY"):
        return environ["SECRET_KEY"]
    path = state_dir / "secret-key"
    if not path.exists():
        state_dir.mkdir(parents=True, exist_ok=True)
        try:
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            pass
        else:
            with os.fdopen(handle, "w") as file:
                file.write(secrets.token_urlsafe(50))
    return path.read_text()


def email_from_environment(environ: Mapping[str, str]) -> dict[str, Any]:
    """Return Django's EMAIL_* settings from ``EMAIL_URL``.

    ``smtp://user:password@host:587/?tls=starttls`` (or ``smtps://``), ``console://``,
    ``file:///folder``, or ``anymail://<backend>`` with anymail's own settings as
    ``ANYMAIL_*`` variables.

    Raises ValueError for another scheme.
    """
    url = urlsplit(environ.get("EMAIL_URL") or "console://")
    query = {key: values[-1] for key, values in parse_qs(url.query).items()}
    if url.scheme == "console":
        return {"EMAIL_BACKEND": "django.core.mail.backends.console.EmailBackend"}
    if url.scheme == "file":
        return {
            "EMAIL_BACKEND": "django.core.mail.backends.filebased.EmailBackend",
            "EMAIL_FILE_PATH": url.path,
        }
    if url.scheme in {"smtp", "smtps"}:
        return {
            "EMAIL_BACKEND": "django.core.mail.backends.smtp.EmailBackend",
            "EMAIL_HOST": url.hostname or "localhost",
            "EMAIL_PORT": url.port or (465 if url.scheme == "smtps" else 25),
            "EMAIL_HOST_USER": unquote(url.username or ""),
            "EMAIL_HOST_PASSWORD": unquote(url.password or ""),
            "EMAIL_USE_SSL": url.scheme == "smtps",
            "EMAIL_USE_TLS": query.get("tls") == "starttls",
            "EMAIL_TIMEOUT": float(query.get("timeout", "20")),
        }
    if url.scheme == "anymail":
        return {
            "EMAIL_BACKEND": f"anymail.backends.{url.hostname}.EmailBackend",
            "ANYMAIL": {
                key.removeprefix("ANYMAIL_"): value
                for key, value in environ.items()
                if key.startswith("ANYMAIL_")
            },
        }
    raise ValueError(
        f"EMAIL_URL has the scheme {url.scheme!r}. Use smtp://, smtps://, file://, "
        "console:// or anymail://<backend>."
    )
