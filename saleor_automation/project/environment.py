"""Reads the environment into settings: pure functions of a mapping.

Knows names of variables, their types and what they should look like. Raises
UsageError, which says which variable is wrong; never shows a password.
"""

from __future__ import annotations

import dataclasses
import importlib.util
import os
import secrets
import shlex
import zoneinfo
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from saleor_automation.exceptions import UsageError

PREFIX = "SALEOR_AUTOMATION_"
STATE_VARIABLE = PREFIX + "STATE_DIR"
DEFAULT_STATE_DIR = "saleor-automation-data"
#: Set by ``check``: reading the environment then makes no folder and no file.
LOOK_VARIABLE = PREFIX + "LOOK_ONLY"
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")

_URL_FIELDS = {"public_url", "saleor_api_url", "saleor_call_url"}
_TRUE = {"1", "true", "yes", "on"}
_FALSE = {"", "0", "false", "no", "off"}


def looks_only(environ: Mapping[str, str]) -> bool:
    """Say whether nothing may be changed."""
    return environ.get(LOOK_VARIABLE) == "1"


def own_command(command: str, folder: Path) -> str:
    """Return the line that runs ``command`` on the same folder again."""
    line = f"saleor-automation {command}"
    if folder.absolute() == Path(DEFAULT_STATE_DIR).absolute():
        return line
    return f"{line} --state-dir {shlex.quote(str(folder))}"


def state_dir(environ: Mapping[str, str]) -> Path:
    """Return the folder for database, journals and uploads, made when missing.

    Raises UsageError when it cannot be made or written to.
    """
    path = Path(environ.get(STATE_VARIABLE) or DEFAULT_STATE_DIR).absolute()
    advice = f"Set {STATE_VARIABLE} (or --state-dir) to a folder you may write to."
    if looks_only(environ) and not path.exists():
        return path
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"Cannot make the folder {path}: {error.strerror}. {advice}") from None
    if not os.access(path, os.W_OK | os.X_OK):
        raise UsageError(f"Cannot write to the folder {path}. {advice}")
    return path


def automation_from_environment(environ: Mapping[str, str], folder: Path) -> dict[str, Any]:
    """Return the ``SALEOR_AUTOMATION`` dict from ``SALEOR_AUTOMATION_*`` variables.

    Raises UsageError naming the variable whose value has the wrong type.
    """
    from saleor_automation.conf import Conf

    result: dict[str, Any] = {"state_dir": folder}
    if public_url := public_url_kept(folder):
        result["public_url"] = public_url
    for field in dataclasses.fields(Conf):
        name = PREFIX + field.name.upper()
        if field.name == "state_dir" or name not in environ:
            continue
        if field.name == "public_url" and not environ[name]:
            continue
        result[field.name] = _typed(name, environ[name], str(field.type))
        if field.name in _URL_FIELDS and environ[name]:
            _check_web_address(name, environ[name])
    if result.get("workers", 1) < 1:
        raise UsageError(f"{PREFIX}WORKERS must be 1 or more.")
    if "report_zone" in result:
        _check_zone(PREFIX + "REPORT_ZONE", result["report_zone"])
    return result


def _public_url_file(folder: Path) -> Path:
    return folder / "public-url"


def public_url_kept(folder: Path) -> str:
    """Return the address ``up`` last ran under in ``folder``; "" when there is none."""
    try:
        return _public_url_file(folder).read_text().strip()
    except OSError:
        return ""


def public_url_keep(folder: Path, url: str) -> None:
    """Keep the address, so that commands run beside ``up`` use the same."""
    _public_url_file(folder).write_text(f"{url}\n")


def _check_zone(name: str, value: str) -> None:
    try:
        zoneinfo.ZoneInfo(value)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise UsageError(
            f"{name} must be a time zone such as Europe/Berlin, not {value!r}."
        ) from None


def log_level(environ: Mapping[str, str]) -> str:
    """Return the level from ``LOG_LEVEL``. Raises UsageError for an unknown one."""
    level = (environ.get("LOG_LEVEL") or "WARNING").upper()
    if level not in LOG_LEVELS:
        known = ", ".join(LOG_LEVELS)
        raise UsageError(f"LOG_LEVEL must be one of {known}, not {environ['LOG_LEVEL']!r}.")
    return level


def queue_poll(environ: Mapping[str, str]) -> float:
    """Return the seconds between two looks into the queue in the database."""
    name = PREFIX + "QUEUE_POLL"
    return float(_typed(name, environ.get(name) or "0.1", "float"))


def redis_from_environment(environ: Mapping[str, str]) -> str:
    """Return ``REDIS_URL``, "" for none. Raises UsageError when it cannot be one."""
    url = environ.get("REDIS_URL", "")
    try:
        parts = urlsplit(url)
        valid = parts.scheme in {"redis", "rediss", "unix"} and parts.port != 0
    except ValueError:
        valid = False
    if url and not valid:
        raise UsageError(
            "REDIS_URL cannot be read. Use redis://:password@host:6379/0, or leave it empty to "
            "keep the queue in the database."
        )
    return url


def _typed(name: str, value: str, kind: str) -> Any:
    if kind == "bool | None" and not value:
        return None
    if kind in {"bool", "bool | None"}:
        if value.lower() not in _TRUE | _FALSE:
            raise UsageError(f"{name} must be 1 or 0, not {value!r}.")
        return value.lower() in _TRUE
    if kind not in {"int", "float"}:
        return value
    try:
        number = int(value) if kind == "int" else float(value)
    except ValueError:
        what = "a whole number" if kind == "int" else "a number"
        raise UsageError(f"{name} must be {what}, not {value!r}.") from None
    if number < 0:
        raise UsageError(f"{name} must not be negative, it is {value}.")
    return number


def _check_web_address(name: str, value: str) -> None:
    try:
        url = urlsplit(value)
        valid = url.scheme in {"http", "https"} and bool(url.hostname) and url.port != 0
    except ValueError:
        valid = False
    if not valid:
        raise UsageError(
            f"{name} must be an address such as https://mail.shop.example, not {value!r}."
        )


def secret_key(environ: Mapping[str, str], folder: Path) -> str:
    """Return SECRET_KEY, or one kept in the state folder so that links stay valid."""
    if environ.get("SECRET_KEY"):
        return environ["SECRET_KEY"]
    path = folder / "secret-key"
    if looks_only(environ) and not path.exists():
        return secrets.token_urlsafe(50)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        pass
    else:
        with os.fdopen(handle, "w") as file:
            file.write(secrets.token_urlsafe(50))
    return path.read_text()


# Each connection's own cache of 2 MB holds few pages of a large index; memory is used only as
# pages are read. No mmap: a failing disk would then kill the process instead of one statement.
_SQLITE_PRAGMAS = (
    "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA cache_size=-16384; "
    "PRAGMA temp_store=MEMORY;"
)


def database_from_environment(environ: Mapping[str, str], folder: Path) -> dict[str, Any]:
    """Return ``DATABASES["default"]`` from ``DATABASE_URL``; SQLite when it is empty.

    Raises UsageError for a URL that is neither PostgreSQL nor SQLite.
    """
    import dj_database_url

    url = environ.get("DATABASE_URL") or f"sqlite:///{folder / 'studio.sqlite3'}"
    scheme = url.partition("://")[0]
    advice = (
        "Use postgres://user:password@host:5432/name or sqlite:////folder/studio.sqlite3, "
        "with special signs in the password written as %40 and so on."
    )
    if scheme not in {"postgres", "postgresql", "sqlite"}:
        raise UsageError(f"DATABASE_URL starts with {scheme[:20]!r}. {advice}")
    try:
        database: dict[str, Any] = dict(
            # Without kept connections PostgreSQL ingests nine times slower (measured).
            dj_database_url.parse(url, conn_max_age=60, conn_health_checks=True)
        )
    except Exception:
        # The parser's own words may hold the password.
        raise UsageError(f"DATABASE_URL cannot be read. {advice}") from None
    if not database.get("NAME"):
        raise UsageError(f"DATABASE_URL names no database. {advice}")
    if scheme == "sqlite":
        database["OPTIONS"] = {
            "timeout": 20,
            "transaction_mode": "IMMEDIATE",
            "init_command": _SQLITE_PRAGMAS,
        }
        database["TEST"] = {"NAME": environ.get("TEST_SQLITE_NAME")}
    return database


def email_from_environment(environ: Mapping[str, str]) -> dict[str, Any]:
    """Return Django's EMAIL_* settings from ``EMAIL_URL``.

    ``smtp://user:password@host:587/?tls=starttls`` (or ``smtps://``), ``console://``,
    ``file:///folder``, or ``anymail://<backend>`` with anymail's own settings as
    ``ANYMAIL_*`` variables.

    Raises UsageError for anything else.
    """
    try:
        url = urlsplit(environ.get("EMAIL_URL") or "console://")
        port = url.port
    except ValueError:
        raise UsageError(f"EMAIL_URL cannot be read. {_EMAIL_ADVICE}") from None
    query = {key: values[-1] for key, values in parse_qs(url.query).items()}
    if url.scheme == "console":
        return {"EMAIL_BACKEND": "django.core.mail.backends.console.EmailBackend"}
    if url.scheme == "file":
        if not url.path:
            raise UsageError(f"EMAIL_URL names no folder. {_EMAIL_ADVICE}")
        return {
            "EMAIL_BACKEND": "django.core.mail.backends.filebased.EmailBackend",
            "EMAIL_FILE_PATH": url.path,
        }
    if url.scheme in {"smtp", "smtps"}:
        return _smtp(url.hostname, port, url.username, url.password, url.scheme, query)
    if url.scheme == "anymail":
        return _anymail(url.hostname or "", environ)
    raise UsageError(f"EMAIL_URL has the scheme {url.scheme!r}. {_EMAIL_ADVICE}")


_EMAIL_ADVICE = (
    "Use smtp://user:password@host:587/?tls=starttls, smtps://user:password@host, "
    "file:///folder, console:// or anymail://<backend>, with special signs in the password "
    "written as %40 and so on."
)


def _smtp(
    host: str | None,
    port: int | None,
    user: str | None,
    password: str | None,
    scheme: str,
    query: Mapping[str, str],
) -> dict[str, Any]:
    if not host:
        raise UsageError(f"EMAIL_URL names no mail server. {_EMAIL_ADVICE}")
    if query.get("tls", "") not in {"", "starttls"}:
        raise UsageError("EMAIL_URL may say ?tls=starttls; for TLS from the start use smtps://.")
    try:
        timeout = float(query.get("timeout", "20"))
    except ValueError:
        raise UsageError("EMAIL_URL's timeout must be a number of seconds.") from None
    return {
        "EMAIL_BACKEND": "saleor_automation.delivery.smtp.EmailBackend",
        "EMAIL_HOST": host,
        "EMAIL_PORT": port or (465 if scheme == "smtps" else 25),
        "EMAIL_HOST_USER": unquote(user or ""),
        "EMAIL_HOST_PASSWORD": unquote(password or ""),
        "EMAIL_USE_SSL": scheme == "smtps",
        "EMAIL_USE_TLS": query.get("tls") == "starttls",
        "EMAIL_TIMEOUT": timeout,
    }


def _anymail(backend: str, environ: Mapping[str, str]) -> dict[str, Any]:
    known = backend.isidentifier() and importlib.util.find_spec(f"anymail.backends.{backend}")
    if not known:
        raise UsageError(
            f"EMAIL_URL names the service {backend!r}, which anymail does not know. Use one of "
            "its backends, for example anymail://resend, anymail://postmark or "
            "anymail://amazon_ses."
        )
    return {
        "EMAIL_BACKEND": f"anymail.backends.{backend}.EmailBackend",
        "ANYMAIL": {
            key.removeprefix("ANYMAIL_"): value
            for key, value in environ.items()
            if key.startswith("ANYMAIL_")
        },
    }
