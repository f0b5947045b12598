"""Typed look-ups in a decoded JSON object.

Knows JSON and what databases refuse (NUL, lone surrogates, naive or impossible
times, absurd numbers). Must not know what the values mean.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from saleor_automation.exceptions import ContractError

#: Largest integer every database's integer column takes.
MAX_INTEGER = 2**31 - 1
#: Amounts fit a decimal column with 20 digits, 4 of them after the point.
MAX_AMOUNT = Decimal(10) ** 16
STEP = Decimal("0.0001")


def _no_constant(name: str) -> Any:
    raise ContractError(f"The body holds {name}, which is not JSON.")


def document(body: bytes) -> dict[str, Any]:
    """Decode a body to a JSON object; fractions become Decimal.

    Raises ContractError when it is not JSON or not an object.
    """
    try:
        value = json.loads(body.decode(), parse_float=Decimal, parse_constant=_no_constant)
    except (ValueError, RecursionError, InvalidOperation) as error:
        raise ContractError(f"The body is not JSON: {error}.") from error
    if not isinstance(value, dict):
        raise ContractError(f"The body is a JSON {type(value).__name__}, not an object.")
    return value


def clean(value: str) -> str:
    """Drop what no database stores in text: NUL and halves of surrogate pairs."""
    return value.replace("\x00", "").encode("utf-8", "replace").decode()


def text(source: Mapping[str, Any], name: str) -> str:
    """Return a text field; "" when it is missing or null."""
    value = source.get(name)
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise ContractError(f"“{name}” is not text.")
    return clean(str(value))


def identifier(source: Mapping[str, Any], name: str = "id") -> str:
    """Return an id, which must be there and fit a key column."""
    value = text(source, name)
    if not 0 < len(value) <= 128:
        raise ContractError(f"“{name}” is missing or too long for an id.")
    return value


def flag(source: Mapping[str, Any], name: str) -> bool | None:
    """Return a boolean field; None when it is missing or null."""
    value = source.get(name)
    if value is not None and not isinstance(value, bool):
        raise ContractError(f"“{name}” is not true or false.")
    return value


def whole(source: Mapping[str, Any], name: str) -> int:
    """Return a count from 0; 0 when it is missing or null."""
    value = source.get(name)
    if value is None:
        return 0
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MAX_INTEGER:
        raise ContractError(f"“{name}” is not a whole number from 0 to {MAX_INTEGER}.")
    return value


def amount(source: Mapping[str, Any] | None, name: str = "amount") -> Decimal:
    """Return an amount of money, four places; 0 when it is missing or null."""
    value: Any = (source or {}).get(name)
    if value is None:
        return Decimal(0)
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise ContractError(f"“{name}” is not an amount.")
    money = Decimal(value)
    if not abs(money) < MAX_AMOUNT:
        raise ContractError(f"“{name}” is too large for an amount.")
    return money.quantize(STEP)


def part(source: Mapping[str, Any] | None, name: str) -> dict[str, Any] | None:
    """Return a nested object, or None."""
    value = (source or {}).get(name)
    if value is not None and not isinstance(value, dict):
        raise ContractError(f"“{name}” is not an object.")
    return value


def parts(source: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    """Return a list of objects; [] when it is missing or null."""
    value = source.get(name)
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise ContractError(f"“{name}” is not a list of objects.")
    return value


def moment(source: Mapping[str, Any], name: str) -> datetime | None:
    """Return a time in UTC, or None. A time without a zone is UTC."""
    value = source.get(name)
    if value is None:
        return None
    try:
        parsed = datetime.fromisoformat(value)
        if parsed.tzinfo is None:
            parsed = parsed.replace(tzinfo=UTC)
        return parsed.astimezone(UTC)
    except (TypeError, ValueError, OverflowError) as error:
        raise ContractError(f"“{name}” is not a time.") from error


def moment_needed(source: Mapping[str, Any], name: str) -> datetime:
    """Return a time that must be there."""
    value = moment(source, name)
    if value is None:
        raise ContractError(f"“{name}” is missing; select it in the subscription.")
    return value


def iso(at: datetime) -> str:
    """Write a time so that text order is time order."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def pairs(source: Mapping[str, Any], name: str = "metadata") -> dict[str, str]:
    """Return metadata as a dictionary."""
    return {text(item, "key"): text(item, "value") for item in parts(source, name)}


def language(source: Mapping[str, Any], *names: str) -> str:
    """Return a BCP 47 language in lower case: Saleor's PT_BR is "pt-br"."""
    for name in names:
        value = text(source, name)
        if value:
            return value.replace("_", "-").lower()[:16]
    return ""
