"""Every model of the Studio, so that Django finds one app with one migration history."""

from __future__ import annotations

from .clock import DemoClock
from .delivery.models import Message, MessageContent, SenderDecision, SendingControl
from .emails.models import Brand, EmailVersion
from .inbox.models import Event, EventKey, RawEvent
from .inbox.track.models import TrackRefusal, WriteKey
from .people.importing.models import ContactImport, ImportChange, ImportFault, ImportPiece
from .people.models import (
    Consent,
    ConsentStanding,
    ConsentWriteBack,
    Contact,
    ContactFigures,
    ContactSpend,
    Identity,
    IdentityClaim,
    Suppression,
    Tag,
    Tombstone,
    Trait,
    TraitType,
)
from .people.preferences.models import Preference, Topic
from .people.segments.models import Segment, SegmentMember
from .people.subscribing.models import (
    OptInRule,
    SignupCount,
    SignupWording,
    SubscriptionRequest,
)
from .people.verification.models import AddressPolicy, DomainCheck, Verification
from .privacy.models import DataRequest, RetentionRules, RetentionRun
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
    "ContactImport",
    "ContactSpend",
    "DataRequest",
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
    "IdentityClaim",
    "ImportChange",
    "ImportFault",
    "ImportPiece",
    "Installation",
    "LoginCode",
    "Message",
    "MessageContent",
    "OptInRule",
    "OrderLine",
    "Preference",
    "RawEvent",
    "Refusal",
    "RetentionRules",
    "RetentionRun",
    "RoleOffer",
    "Segment",
    "SegmentMember",
    "SenderDecision",
    "SendingControl",
    "Sequence",
    "SequenceSwitch",
    "SequenceVersion",
    "ShopOrder",
    "SignupCount",
    "SignupWording",
    "SpentToken",
    "StaffLink",
    "StepRun",
    "SubscriptionRequest",
    "Suppression",
    "Tag",
    "Tombstone",
    "Topic",
    "TrackRefusal",
    "Trait",
    "TraitType",
    "Verification",
    "Watermark",
    "WriteKey",
]
