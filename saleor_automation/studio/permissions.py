"""Who may see and do what in the Studio.

Every view of ours names a policy and an action from here; a test walks all of them as
a limited user.
"""

from __future__ import annotations

from django.contrib.auth.models import Permission
from django.db.models import QuerySet
from wagtail.permission_policies import ModelPermissionPolicy

from saleor_automation.delivery.models import Message, SendingControl
from saleor_automation.emails.models import Brand
from saleor_automation.inbox.models import RawEvent
from saleor_automation.inbox.track.models import WriteKey
from saleor_automation.people.models import Contact
from saleor_automation.people.segments.models import Segment
from saleor_automation.privacy.models import RetentionRules

from .sequences import Sequence

MESSAGES = ModelPermissionPolicy(Message)
PEOPLE = ModelPermissionPolicy(Contact)
RETENTION = ModelPermissionPolicy(RetentionRules)
SEGMENTS = ModelPermissionPolicy(Segment)
FAULTS = ModelPermissionPolicy(RawEvent)
SENDING = ModelPermissionPolicy(SendingControl)
SEQUENCES = ModelPermissionPolicy(Sequence)
BRANDS = ModelPermissionPolicy(Brand)
TRACKING = ModelPermissionPolicy(WriteKey)


def grantable_permissions() -> QuerySet[Permission]:
    """Return the permissions Wagtail's group form offers for our own pages."""
    return Permission.objects.filter(
        content_type__app_label="saleor_automation",
        codename__in=[
            "view_contact",
            "change_contact",
            # To bring in a file of people; to take people along as a file; to erase one.
            "add_contact",
            "export_contact",
            "delete_contact",
            "change_retentionrules",
            "view_segment",
            "change_segment",
            "view_message",
            "view_rawevent",
            "change_sendingcontrol",
            "change_writekey",
        ],
    )
