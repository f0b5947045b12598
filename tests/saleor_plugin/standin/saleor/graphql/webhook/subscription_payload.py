"""Bodies of the same form, with the few fields the stand-in's models have."""

from __future__ import annotations

import base64
from types import SimpleNamespace


def initialize_request(
    app,
    requestor=None,
    sync_event=False,
    allow_replica=False,
    event_type=None,
    request_time=None,
    dataloaders=None,
):
    return SimpleNamespace(app=app, requestor=requestor, request_time=request_time)


def global_id(kind, key):
    return base64.b64encode(f"{kind}:{key}".encode()).decode()


def generate_payload_from_subscription(
    event_type, subscribable_object, subscription_query, request
):
    name = "".join(word.capitalize() for word in event_type.split("_"))
    if f"... on {name} " not in subscription_query:
        return None
    payload = {
        "__typename": name,
        "issuedAt": request.request_time.isoformat(),
        "version": "3.23.28",
        "issuingPrincipal": _principal(request.requestor),
        "recipient": {"id": global_id("App", request.app.pk)},
    }
    thing = subscribable_object
    if isinstance(thing, dict):
        if "notify_customer" in thing:
            payload["notifyCustomer"] = thing["notify_customer"]
        thing = thing.get("user") or thing["fulfillment"]
    payload.update(_body(thing))
    return payload


def _principal(requestor):
    if requestor is None:
        return None
    kind = type(requestor).__name__
    return {"__typename": kind, "id": global_id(kind, requestor.pk)}


def _body(thing):
    match type(thing).__name__:
        case "User":
            user = {"id": global_id("User", thing.pk), "email": thing.email}
            return {"user": {**user, "isStaff": thing.is_staff}}
        case "Checkout":
            return {"checkout": {"id": global_id("Checkout", thing.pk), "email": thing.email}}
        case "Order":
            return {"order": {"id": global_id("Order", thing.pk), "userEmail": thing.user_email}}
        case _:
            parcel = {
                "id": global_id("Fulfillment", thing.pk),
                "trackingNumber": thing.tracking_number,
            }
            return {"fulfillment": parcel, "order": {"id": global_id("Order", thing.order_id)}}
