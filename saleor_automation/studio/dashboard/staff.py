"""From a staff member of the shop to a user of the Studio.

A person is known by (Saleor, user id), never by their address: who changes their own
address in Saleor to an administrator's does not become that administrator. Their user
has no password; roles follow from Saleor at each login. Deactivate the user under
Settings, Users to keep somebody out whom Saleor lets in.
"""

from __future__ import annotations

import hashlib
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractUser
from django.db import transaction

from saleor_automation import clock
from saleor_automation.exceptions import AutomationError
from saleor_automation.saleor_app.dashboard_tokens import Staff

from .models import StaffLink
from .roles import ROLES, group_for, roles_of


class StaffRefused(AutomationError):
    """The person may not use the Studio: their user here is deactivated."""


@transaction.atomic
def staff_link(*, staff: Staff) -> StaffLink:
    """Return the link to a staff member's user, made when new, its roles brought up to date.

    Raises StaffRefused when the user was deactivated here.
    """
    link = (
        StaffLink.objects.select_related("user")
        .filter(issuer=staff.issuer, saleor_user=staff.user_id)
        .first()
    ) or _link_create(staff)
    if not link.user.is_active:
        raise StaffRefused("The user was deactivated in the Studio.")
    _names_update(link, staff)
    _roles_update(link.user, staff)
    link.email, link.seen_at = staff.email, clock.wall()
    link.save(update_fields=["email", "seen_at"])
    return link


def _link_create(staff: Staff) -> StaffLink:
    # Two tabs may open at once: the name is unique, so both come to the same user.
    users = get_user_model()
    name: dict[str, Any] = {users.USERNAME_FIELD: username_for(staff)}
    user, is_new = users._default_manager.get_or_create(**name)
    if is_new:
        user.set_unusable_password()
        user.save()
    link, _is_new = StaffLink.objects.select_related("user").get_or_create(
        issuer=staff.issuer,
        saleor_user=staff.user_id,
        defaults={"user": user, "seen_at": clock.wall()},
    )
    return link


def username_for(staff: Staff) -> str:
    """Return a user name nobody chooses by hand: 70 bits of the Saleor and the user id."""
    digest = hashlib.sha256(f"{staff.issuer}\n{staff.user_id}".encode()).hexdigest()
    return f"saleor-{digest[:18]}"


def _names_update(link: StaffLink, staff: Staff) -> None:
    user = link.user
    # The Studio shows the first name; one that somebody entered here stays.
    if user.first_name in {"", link.email[:150]}:
        user.first_name = staff.email[:150]
    user.email = staff.email
    user.save(update_fields=["first_name", "email"])


def _roles_update(user: AbstractUser, staff: Staff) -> None:
    """Give and take our own groups; those an administrator added stay."""
    has = {role.name for role in roles_of(staff.permissions)}
    lost = {role.name for role in ROLES} - has
    user.groups.remove(*user.groups.filter(name__in=lost))
    user.groups.add(*(group_for(role) for role in ROLES if role.name in has))
