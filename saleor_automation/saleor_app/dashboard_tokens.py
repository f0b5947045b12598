"""Whether a token really is a staff member's, handed to our app by the shop's Dashboard.

Saleor's Dashboard gives each app it shows a token of five minutes: who the person is
and what they may do. It is a JWT signed with the key that signs webhooks. Knows the
rules it must keep and the status each failure is answered with; a token is a secret,
so it is never logged, stored or quoted in a message.

| reason | status | when |
|---|---|---|
| ``missing`` | 401 | no token came |
| ``invalid`` | 401 | not a JWT, not RS256, its signature wrong, or a claim missing |
| ``expired`` | 401 | ran out, or not valid yet |
| ``foreign`` | 401 | another Saleor's, another app's, or a person's own token |
| ``not_staff`` | 403 | a customer's |
| ``permission`` | 403 | the person lacks the permission |
| ``not_installed`` | 503 | no Saleor has installed the app yet |
| ``keys`` | 503 | signed with a key we do not have, and Saleor's keys cannot be had now |
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import jwt
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from jwt.exceptions import ExpiredSignatureError, ImmatureSignatureError, PyJWTError

from saleor_automation.contract.signing import ALGORITHM
from saleor_automation.exceptions import AutomationError

from .installations import installation_current
from .models import Installation
from .signatures import KeysUnreachable, UnknownKey, key_find

#: Seconds two clocks may differ. Saleor's tokens live 300.
LEEWAY = 10
#: Saleor's are below 4 KB, however many permissions a person has.
MAX_LENGTH = 16 * 1024
_NEEDED = ("exp", "iat", "iss", "type", "app", "user_id")

#: As the Dashboard calls them where staff get them.
NAMES = {
    "MANAGE_APPS": gettext_lazy("Manage apps"),
    "MANAGE_ORDERS": gettext_lazy("Manage orders"),
    "MANAGE_SETTINGS": gettext_lazy("Manage settings"),
    "MANAGE_USERS": gettext_lazy("Manage customers"),
}

MISSING = "missing"
INVALID = "invalid"
EXPIRED = "expired"
FOREIGN = "foreign"
NOT_STAFF = "not_staff"
PERMISSION = "permission"
NOT_INSTALLED = "not_installed"
KEYS = "keys"
STATUSES: Mapping[str, int] = {
    MISSING: 401,
    INVALID: 401,
    EXPIRED: 401,
    FOREIGN: 401,
    NOT_STAFF: 403,
    PERMISSION: 403,
    NOT_INSTALLED: 503,
    KEYS: 503,
}


class TokenRefused(AutomationError):
    """The token does not let its bearer in; the message is for that person."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason

    @property
    def status(self) -> int:
        """HTTP status of the answer."""
        return STATUSES[self.reason]


@dataclass(frozen=True, slots=True)
class Staff:
    """A staff member, as a verified token names them."""

    #: The Saleor they are staff of: its GraphQL URL.
    issuer: str
    #: Saleor's global id of the user.
    user_id: str
    #: For display alone: an address may pass on to somebody else.
    email: str
    #: Everything the person may do in Saleor, not only what the app may.
    permissions: frozenset[str]
    expires_at: datetime
    #: SHA-256, hex, of the token: what may be stored of it.
    digest: str


def token_verify(token: str, *, any_of: Collection[str] = ()) -> Staff:
    """Return the staff member a token vouches for, who has one of ``any_of``.

    Raises TokenRefused.
    """
    installation = installation_current()
    if installation is None:
        raise TokenRefused(
            NOT_INSTALLED, _("No Saleor has installed this app yet. Install it, then look again.")
        )
    if not token:
        raise TokenRefused(MISSING, _("Open this page inside Saleor's Dashboard."))
    kid = _look(token, installation)
    try:
        key = key_find(installation, kid)
    except (UnknownKey, KeysUnreachable) as error:
        raise TokenRefused(
            KEYS, _("Saleor's keys cannot be had right now. Try again in a minute.")
        ) from error
    try:
        claims = jwt.decode(
            token,
            key,
            algorithms=[ALGORITHM],
            issuer=installation.api_url,
            leeway=LEEWAY,
            # No audience is asked for in the manifest; the app is bound by ``app``.
            options={"require": list(_NEEDED), "verify_aud": False},
        )
    except (ExpiredSignatureError, ImmatureSignatureError) as error:
        raise TokenRefused(EXPIRED, _expired()) from error
    except PyJWTError as error:
        raise TokenRefused(INVALID, _invalid()) from error
    return _staff(claims, token, any_of)


def _look(token: str, installation: Installation) -> str:
    """Return the id of the key a token says it is signed with.

    What is plainly not ours is refused here, before a key is asked for: a stranger must
    not make us call Saleor. Nothing read here lets anybody in.
    """
    if len(token) > MAX_LENGTH:
        raise TokenRefused(INVALID, _invalid())
    try:
        header = jwt.get_unverified_header(token)
        claims = jwt.decode(token, options={"verify_signature": False})
    # Bytes that are no UTF-8 pass through PyJWT as they are.
    except (PyJWTError, ValueError, RecursionError) as error:
        raise TokenRefused(INVALID, _invalid()) from error
    kid = header.get("kid")
    if header.get("alg") != ALGORITHM or not isinstance(kid, str) or not kid:
        raise TokenRefused(INVALID, _invalid())
    # A person's own token opens everything at Saleor, and is not for us.
    wanted = {"iss": installation.api_url, "type": "thirdparty", "app": installation.app_id}
    if any(claims.get(name) != value for name, value in wanted.items()):
        raise TokenRefused(
            FOREIGN,
            _("This page was opened with a key of another shop or app. Reload the Dashboard."),
        )
    return kid


def _staff(claims: Mapping[str, Any], token: str, any_of: Collection[str]) -> Staff:
    user_id, permissions = claims["user_id"], claims.get("user_permissions") or []
    if not isinstance(user_id, str) or not 0 < len(user_id) <= 128:
        raise TokenRefused(INVALID, _invalid())
    if claims.get("is_staff") is not True:
        raise TokenRefused(NOT_STAFF, _("Only the shop's staff may see this."))
    staff = Staff(
        issuer=str(claims["iss"]),
        user_id=user_id,
        email=str(claims.get("email") or "")[:254],
        permissions=frozenset(name for name in permissions if isinstance(name, str)),
        expires_at=datetime.fromtimestamp(float(claims["exp"]), UTC),
        digest=hashlib.sha256(token.encode()).hexdigest(),
    )
    if any_of and staff.permissions.isdisjoint(any_of):
        raise TokenRefused(
            PERMISSION,
            _("You need one of these permissions in Saleor: %(names)s. Ask whoever manages staff.")
            % {"names": ", ".join(str(NAMES.get(name, name)) for name in sorted(any_of))},
        )
    return staff


def _invalid() -> str:
    return _("The key this page was opened with is not valid. Reload the Dashboard.")


def _expired() -> str:
    return _("The key this page was opened with has run out. Reload the Dashboard.")
