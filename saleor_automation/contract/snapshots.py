"""What a payload says about one object: frozen values.

Knows shapes. Money is gross unless the name says net; addresses are as written.
``issued_at`` is when Saleor made the event; the state may be younger, because
Saleor builds many payloads later, in a worker. A body we asked for is issued when its
object changed last, and a snapshot of it when it was read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any


@dataclass(frozen=True, slots=True)
class Envelope:
    """What every payload says of itself."""

    issued_at: datetime
    version: str
    recipient_id: str
    event_type: str
    #: "App" or "User", and its id; "" when Saleor names nobody.
    principal_type: str = ""
    principal_id: str = ""
    #: When the state was read, of a body we asked for; None of one Saleor sent.
    polled_at: datetime | None = None

    @property
    def state_at(self) -> datetime:
        """Return when the state was as the payload says; snapshots are compared by it."""
        return self.polled_at or self.issued_at

    @property
    def is_own(self) -> bool:
        """Whether our own app caused the event."""
        return self.principal_type == "App" and self.principal_id == self.recipient_id


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing that happened; counts once per (kind, object_id, transition)."""

    kind: str
    object_id: str
    transition: str
    occurred_at: datetime
    #: Ids only, never addresses.
    data: Mapping[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> tuple[str, str, str]:
        return (self.kind, self.object_id, self.transition)


@dataclass(frozen=True, slots=True)
class UserRef:
    """An account as another object's payload shows it."""

    id: str
    email: str = ""
    first_name: str = ""
    last_name: str = ""
    language: str = ""
    joined_at: datetime | None = None
    #: None: the payload does not say.
    is_staff: bool | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CustomerSnapshot:
    """An account."""

    issued_at: datetime
    user: UserRef
    updated_at: datetime | None = None
    is_active: bool | None = None
    is_confirmed: bool | None = None
    country: str = ""
    #: The account is gone.
    deleted: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """One line of an order or a basket."""

    id: str
    quantity: int
    product_id: str = ""
    product_slug: str = ""
    product_name: str = ""
    category_slug: str = ""
    variant_id: str = ""
    variant_name: str = ""
    sku: str = ""
    currency: str = ""
    unit_gross: Decimal = Decimal(0)
    total_gross: Decimal = Decimal(0)
    image_url: str = ""
    #: Units that can be bought, when fewer than wanted. None: enough, or not said.
    available: int | None = None


@dataclass(frozen=True, slots=True)
class ChannelRef:
    """A sales channel."""

    slug: str = ""
    currency: str = ""
    default_country: str = ""


@dataclass(frozen=True, slots=True)
class CheckoutSnapshot:
    """A basket."""

    issued_at: datetime
    id: str
    updated_at: datetime
    created_at: datetime
    token: str
    email: str
    user: UserRef | None
    channel: ChannelRef
    language: str
    country: str
    first_name: str
    last_name: str
    currency: str
    total_gross: Decimal
    charge_status: str
    authorize_status: str
    lines: tuple[Line, ...]
    metadata: Mapping[str, str]

    @property
    def quantity(self) -> int:
        return sum(line.quantity for line in self.lines)


@dataclass(frozen=True, slots=True)
class FulfillmentSnapshot:
    """A parcel."""

    id: str
    status: str
    tracking_number: str
    created_at: datetime | None
    #: False: the merchant asked that the customer is not told. None: not said.
    notify: bool | None = None


@dataclass(frozen=True, slots=True)
class OrderSnapshot:
    """An order with its lines and parcels."""

    issued_at: datetime
    id: str
    number: str
    created_at: datetime
    updated_at: datetime
    status: str
    charge_status: str
    is_paid: bool
    checkout_id: str
    email: str
    user: UserRef | None
    channel: ChannelRef
    language: str
    country: str
    first_name: str
    last_name: str
    currency: str
    total_gross: Decimal
    total_net: Decimal
    shipping_gross: Decimal
    refunded_gross: Decimal
    lines: tuple[Line, ...]
    fulfillments: tuple[FulfillmentSnapshot, ...]
    metadata: Mapping[str, str]


Snapshot = CustomerSnapshot | CheckoutSnapshot | OrderSnapshot


@dataclass(frozen=True, slots=True)
class Parsed:
    """One body, understood. ``snapshot`` is None when Saleor's object was null."""

    envelope: Envelope
    snapshot: Snapshot | None
    facts: tuple[Fact, ...]
