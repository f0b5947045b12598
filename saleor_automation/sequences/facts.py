"""Facts of many enrollments at once, in a number of queries that does not grow.

Knows the tables of shop and people. Must not decide anything: ``interpreter``
does. Only facts somebody asks about are loaded.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import Q, Sum

from saleor_automation.people.consent import consent_states
from saleor_automation.people.predicates.values import values_load
from saleor_automation.shop.models import Checkout, ShopOrder

from .conditions import Ask, Value, condition_asks
from .graph import Graph, graph_conditions
from .models import Enrollment

#: Orders that were never really placed.
NOT_PLACED = ("DRAFT", "EXPIRED")
REFUNDED = ("REFUNDED", "RETURNED")

Facts = dict[str, Value]


def facts_wanted(graph: Graph, *, exits_only: bool = False) -> frozenset[Ask]:
    """Return what ``graph`` may ask."""
    conditions = graph_conditions(graph, exits_only=exits_only)
    return frozenset().union(*(condition_asks(condition) for condition in conditions))


def facts_load(
    enrollments: Sequence[Enrollment], wanted: Iterable[Ask], *, now: datetime
) -> dict[UUID, Facts]:
    """Return the ``wanted`` facts per enrollment id, under the asks' keys.

    ``contact`` must be loaded with each enrollment. At most twelve queries,
    whatever their number.
    """
    asks = frozenset(wanted)
    names = frozenset(ask.fact for ask in asks)
    facts: dict[UUID, Facts] = {enrollment.pk: {} for enrollment in enrollments}
    if not enrollments or not names:
        return facts
    of_people = values_load(
        contacts=[enrollment.contact for enrollment in enrollments], asks=asks, now=now
    )
    for enrollment in enrollments:
        facts[enrollment.pk].update(of_people[enrollment.contact_id])
    if names & {"contact.orders_since_entry", "contact.subscribed"}:
        _contact_facts(enrollments, names, facts)
    if any(name.startswith("basket.") for name in names):
        _basket_facts(enrollments, names, facts)
    if any(name.startswith("order.") for name in names):
        _order_facts(enrollments, names, facts)
    return facts


def _contact_facts(
    enrollments: Sequence[Enrollment], names: frozenset[str], facts: dict[UUID, Facts]
) -> None:
    contact_ids = {enrollment.contact_id for enrollment in enrollments}
    since: dict[UUID, list[datetime]] = defaultdict(list)
    states: Mapping[UUID, Any] = {}
    placed = ShopOrder.objects.filter(contact_id__in=contact_ids).exclude(status__in=NOT_PLACED)
    if "contact.orders_since_entry" in names:
        earliest = min(enrollment.entered_at for enrollment in enrollments)
        for contact_id, placed_at in placed.filter(placed_at__gte=earliest).values_list(
            "contact_id", "placed_at"
        ):
            if placed_at is not None:
                since[contact_id].append(placed_at)
    if "contact.subscribed" in names:
        states = consent_states(list(contact_ids))
    for enrollment in enrollments:
        contact = enrollment.contact
        state = states.get(contact.pk)
        topic, channel = "", str(enrollment.context.get("channel", ""))
        facts[enrollment.pk].update(
            {
                "contact.orders_since_entry": sum(
                    placed_at >= enrollment.entered_at for placed_at in since[contact.pk]
                ),
                "contact.subscribed": bool(state is not None and state.allows(topic, channel)),
            }
        )


def _basket_facts(
    enrollments: Sequence[Enrollment], names: frozenset[str], facts: dict[UUID, Facts]
) -> None:
    ids = {str(e.context["checkout"]) for e in enrollments if e.context.get("checkout")}
    baskets = {basket.saleor_id: basket for basket in Checkout.objects.filter(saleor_id__in=ids)}
    contact_ids = {enrollment.contact_id for enrollment in enrollments}
    orders = _orders_near(baskets.values(), contact_ids) if "basket.bought" in names else []
    newest: dict[tuple[UUID, str], datetime] = {}
    if "basket.newer" in names and baskets:
        for contact_id, channel, created_at in Checkout.objects.filter(
            contact_id__in=contact_ids, deleted=False, quantity__gt=0, created_at__isnull=False
        ).values_list("contact_id", "channel", "created_at"):
            key = (contact_id, channel)
            if created_at is None:
                continue
            newest[key] = max(newest.get(key, created_at), created_at)
    for enrollment in enrollments:
        basket = baskets.get(str(enrollment.context.get("checkout")))
        if basket is None:
            continue
        latest = newest.get((enrollment.contact_id, basket.channel))
        facts[enrollment.pk].update(
            {
                "basket.items": basket.quantity,
                "basket.deleted": basket.deleted,
                "basket.paid": basket.authorize_status in {"FULL", "PARTIAL"}
                or basket.charge_status not in {"", "NONE"},
                "basket.newer": bool(latest and basket.created_at and latest > basket.created_at),
                "basket.bought": any(
                    _bought(basket, enrollment.contact_id, order) for order in orders
                ),
            }
        )


def _orders_near(
    baskets: Iterable[Checkout], contact_ids: set[UUID]
) -> list[tuple[str, UUID | None, str, str, datetime | None]]:
    """Orders that may have come of one of the baskets: by checkout, person, user, address."""
    known = list(baskets)
    starts = [basket.created_at for basket in known if basket.created_at is not None]
    by_checkout = Q(checkout_id__in=[basket.saleor_id for basket in known])
    by_person = (
        Q(contact_id__in=contact_ids)
        | Q(user_id__in={basket.user_id for basket in known if basket.user_id})
        | Q(email__in={basket.email for basket in known if basket.email})
    )
    if starts:
        by_person &= Q(placed_at__gte=min(starts))
    return list(
        ShopOrder.objects.filter(by_checkout | by_person)
        .exclude(status="DRAFT")
        .values_list("checkout_id", "contact_id", "user_id", "email", "placed_at")
    )


def _bought(
    basket: Checkout,
    contact_id: UUID,
    order: tuple[str, UUID | None, str, str, datetime | None],
) -> bool:
    checkout_id, order_contact, user_id, email, placed_at = order
    if checkout_id == basket.saleor_id:
        return True
    same_person = (
        order_contact == contact_id
        or (basket.user_id != "" and user_id == basket.user_id)
        or (basket.email != "" and email == basket.email)
    )
    if not same_person:
        return False
    # Not knowing when the basket was made or the order placed speaks against mailing.
    return basket.created_at is None or placed_at is None or placed_at >= basket.created_at


def _order_facts(
    enrollments: Sequence[Enrollment], names: frozenset[str], facts: dict[UUID, Facts]
) -> None:
    ids = {str(e.context["order"]) for e in enrollments if e.context.get("order")}
    rows = ShopOrder.objects.filter(saleor_id__in=ids)
    columns = ["saleor_id", "status", "refunded_gross", "total_gross"]
    if "order.items" in names:
        rows = rows.annotate(items=Sum("lines__quantity"))
        columns.append("items")
    orders = {row[0]: row[1:] for row in rows.values_list(*columns)}
    for enrollment in enrollments:
        order = orders.get(str(enrollment.context.get("order")))
        if order is None:
            continue
        status, refunded, total, *items = order
        facts[enrollment.pk].update(
            {
                "order.cancelled": status == "CANCELED",
                "order.refunded": refunded > 0 or status in REFUNDED,
                "order.total": Decimal(total),
            }
        )
        if items:
            facts[enrollment.pk]["order.items"] = items[0] or 0
