"""What a permission in Saleor lets a person do in the Studio.

A role is a group of users. It is made when the first person gets it; after that its
permissions are the administrator's to change under Settings, Groups, and stay as they
are, but for what a later release adds to the role: that is given once. Who is in it is
not theirs: that follows from Saleor at each login.

| in Saleor | role | may |
|---|---|---|
| MANAGE_SETTINGS or MANAGE_APPS | editors | write and publish, turn on, segments, brands, sending |
| MANAGE_ORDERS or MANAGE_USERS | mails | see sequences, segments, people, every mail; note a “no” |
| MANAGE_APPS | technical | see, as it came, what was not understood; write keys |

Mails and what the shop sent name people, so no other permission shows them.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from django.contrib.auth.models import Group, Permission
from django.db.models import Q
from wagtail.models import Collection as Folder
from wagtail.models import GroupCollectionPermission, GroupPagePermission, Page

from .models import RoleOffer

_OWN = "saleor_automation"
_ADMIN = ("wagtailadmin", "access_admin")
_FILES = (
    ("wagtailimages", ("add_image", "change_image", "choose_image")),
    ("wagtaildocs", ("add_document", "change_document", "choose_document")),
)


@dataclass(frozen=True)
class Role:
    """One group: who in Saleor is in it, and what it starts with."""

    #: Name of the group. It is found again by this name.
    name: str
    #: Any of these in Saleor gives the role.
    any_of: frozenset[str]
    #: (app label, codename) of permissions on models.
    models: tuple[tuple[str, str], ...]
    #: Codenames of permissions on all pages.
    pages: tuple[str, ...] = ()
    #: May use the shop's images and documents.
    files: bool = False


EDITOR = Role(
    name="Saleor: editors",
    any_of=frozenset({"MANAGE_SETTINGS", "MANAGE_APPS"}),
    models=(
        _ADMIN,
        *(
            (_OWN, f"{action}_sequence")
            for action in ("add", "change", "delete", "view", "publish", "lock", "unlock")
        ),
        *((_OWN, f"{action}_brand") for action in ("add", "change", "delete", "view")),
        (_OWN, "view_segment"),
        (_OWN, "change_segment"),
        (_OWN, "change_sendingcontrol"),
        ("simple_translation", "submit_translation"),
    ),
    pages=("add_page", "change_page", "publish_page", "lock_page", "unlock_page"),
    files=True,
)
MAILS = Role(
    name="Saleor: mails",
    any_of=frozenset({"MANAGE_ORDERS", "MANAGE_USERS"}),
    models=(
        _ADMIN,
        (_OWN, "view_sequence"),
        (_OWN, "view_message"),
        (_OWN, "view_contact"),
        (_OWN, "change_contact"),
        (_OWN, "view_segment"),
    ),
)
TECHNICAL = Role(
    name="Saleor: technical",
    any_of=frozenset({"MANAGE_APPS"}),
    models=(_ADMIN, (_OWN, "view_rawevent"), (_OWN, "change_writekey")),
)
ROLES = (EDITOR, MAILS, TECHNICAL)
#: Permissions in Saleor that open anything here.
ANY_ROLE = frozenset[str]().union(*(role.any_of for role in ROLES))


def roles_of(permissions: Collection[str]) -> list[Role]:
    """Return the roles permissions in Saleor give."""
    return [role for role in ROLES if not role.any_of.isdisjoint(permissions)]


def group_for(role: Role) -> Group:
    """Return a role's group, made with its permissions when it is missing."""
    group, is_new = Group.objects.get_or_create(name=role.name)
    if is_new:
        _open_pages(group, role)
        _open_files(group, role)
    _offer(group, role)
    return group


def _offer(group: Group, role: Role) -> None:
    """Give a group those permissions of its role that it was never given."""
    names = sorted(f"{app}.{codename}" for app, codename in role.models)
    offer, _ = RoleOffer.objects.get_or_create(group=group)
    given = set(offer.permissions)
    new = [one for one in role.models if ".".join(one) not in given]
    if new:
        group.permissions.add(*_permissions(new))
        offer.permissions = sorted(given.union(names))
        offer.save(update_fields=["permissions"])


def _permissions(names: Collection[tuple[str, str]]) -> list[Permission]:
    wanted = Q(pk=None)
    for app, codename in names:
        wanted |= Q(content_type__app_label=app, codename=codename)
    return list(Permission.objects.filter(wanted))


def _open_pages(group: Group, role: Role) -> None:
    root = Page.get_first_root_node()
    if root is None:
        return
    for permission in _permissions([("wagtailcore", name) for name in role.pages]):
        GroupPagePermission.objects.create(group=group, page=root, permission=permission)


def _open_files(group: Group, role: Role) -> None:
    root = Folder.get_first_root_node()
    if root is None or not role.files:
        return
    names = [(app, name) for app, codenames in _FILES for name in codenames]
    for permission in _permissions(names):
        GroupCollectionPermission.objects.create(
            group=group, collection=root, permission=permission
        )
