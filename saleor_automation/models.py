"""Every model of the Studio, so that Django finds one app with one migration history."""

from __future__ import annotations

from .clock import DemoClock
from .delivery.models import Message, MessageContent, SenderDecision, SendingControl
from .emails.models import Brand, EmailVersion
from .inbox.models import Event, EventKey, RawEvent
from .people.models import (
    Consent,
    ConsentStanding,
    ConsentWriteBack,
    Contact,
    ContactFigures,
    ContactSpend,
    Identity,
    Suppression,
    Tag,
    Tombstone,
    Trait,
    TraitType,
)
from .people.segments.models import Segment, SegmentMember
from .people.verification.models import AddressPolicy, DomainCheck, Verification
from .saleor_app.models import Installation, Refusal, Watermark
from .sequences.models import Enrollment, Heartbeat, SequenceSwitch, SequenceVersion, StepRun
from .shop.models import Channel, Checkout, Fulfillment, OrderLine, ShopOrder
from .studio.dashboard.models import LoginCode, RoleOffer, SpentToken, StaffLink
from .studio.pages import EmailIndexPage, EmailPage
from .studio.sequences import Sequence

__all__ = [
    "AddressPolicy",
    "Brand",
    "Channel",
    "Checkout",
    "Consent",
    "ConsentStanding",
    "ConsentWriteBack",
    "Contact",
    "ContactFigures",
    "ContactSpend",
    "DemoClock",
    "DomainCheck",
    "EmailIndexPage",
    "EmailPage",
    "EmailVersion",
    "Enrollment",
    "Event",
    "EventKey",
    "Fulfillment",
    "Heartbeat",
    "Identity",
    "Installation",
    "LoginCode",
    "Message",
    "MessageContent",
    "OrderLine",
    "RawEvent",
    "Refusal",
    "RoleOffer",
    "Segment",
    "SegmentMember",
    "SenderDecision",
    "SendingControl",
    "Sequence",
    "SequenceSwitch",
    "SequenceVersion",
    "ShopOrder",
    "SpentToken",
    "StaffLink",
    "StepRun",
    "Suppression",
    "Tag",
    "Tombstone",
    "Trait",
    "TraitType",
    "Verification",
    "Watermark",
]
