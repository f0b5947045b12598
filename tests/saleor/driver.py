"""Everybody at the shop, through Saleor's public GraphQL API: staff, customers, guests.

Knows documents and ids. Must not know the Studio: what it makes of all this is asserted elsewhere.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import requests

from tests.saleor.documents import DOCUMENTS
from tests.saleor.machine import wait_for

CHANNEL = "suite-shop"
PASSWORD = "Correct-horse-7-battery"
ADDRESS = {
    "firstName": "Aisyah",
    "lastName": "Rahman",
    "streetAddress1": "1470 Pennsylvania Avenue",
    "city": "New York",
    "postalCode": "10001",
    "country": "US",
    "countryArea": "NY",
}
ZONE_COUNTRIES = ["US", "MY", "DE"]


class Refused(AssertionError):
    """Saleor answered, with errors."""


@dataclass
class Client:
    """One caller of the API: nobody, a member of staff, or a customer."""

    api_url: str
    token: str = ""
    session: requests.Session = field(default_factory=requests.Session)

    def say(self, name: str, **variables: Any) -> dict[str, Any]:
        """Say one document; return what its root field answered. Raises Refused."""
        answer = self.session.post(
            self.api_url,
            json={"query": DOCUMENTS[name], "variables": variables},
            headers={"Authorization": f"Bearer {self.token}"} if self.token else {},
            timeout=120,
        )
        content = answer.json()
        if content.get("errors"):
            raise Refused(f"{name}: {[error['message'] for error in content['errors']]}")
        [root] = content["data"].values()
        if isinstance(root, dict) and root.get("errors"):
            raise Refused(f"{name}: {root['errors']}")
        return root


def new_address(word: str) -> str:
    """Return an e-mail address nobody had before."""
    return f"{word}-{uuid.uuid4().hex[:8]}@shoppers.example"


@dataclass
class Driver:
    """A shop with one channel and two kinds of coffee, and what happens in it."""

    api_url: str
    staff_email: str
    staff_password: str
    variants: list[str] = field(default_factory=list)
    channel_id: str = ""
    warehouse: str = ""

    def __post_init__(self) -> None:
        self.nobody = Client(self.api_url)
        self.staff = Client(self.api_url)
        self.staff.token = self._token(self.staff_email, self.staff_password)

    def _token(self, email: str, password: str) -> str:
        return str(self.nobody.say("tokenCreate", email=email, password=password)["token"])

    @property
    def version(self) -> str:
        return str(self.staff.say("shop")["version"])

    def at(self, api_url: str) -> Driver:
        """Return the same people at another process of the same shop."""
        return replace(self, api_url=api_url)

    # --- the shop is set up ----------------------------------------------------------

    def open_shop(self) -> None:
        """Make channel, warehouse, shipping and goods, as an owner does in the Dashboard."""
        say = self.staff.say
        say("shopSettingsUpdate", input={"enableAccountConfirmationByEmail": False})
        warehouse = say("warehouseCreate", input={"name": "Hall", "address": ADDRESS})
        warehouse_id = warehouse["warehouse"]["id"]
        channel = say(
            "channelCreate",
            input={
                "name": "Suite",
                "slug": CHANNEL,
                "currencyCode": "USD",
                "defaultCountry": "US",
                "isActive": True,
                "addWarehouses": [warehouse_id],
                # So that orders can be completed here without a payment app.
                "orderSettings": {
                    "automaticallyConfirmAllNewOrders": True,
                    "allowUnpaidOrders": True,
                },
            },
        )["channel"]["id"]
        self.channel_id = channel
        zone = say(
            "shippingZoneCreate",
            input={
                "name": "Everywhere",
                "countries": ZONE_COUNTRIES,
                "addWarehouses": [warehouse_id],
                "addChannels": [channel],
            },
        )["shippingZone"]["id"]
        method = say(
            "shippingPriceCreate",
            input={"name": "Post", "shippingZone": zone, "type": "PRICE"},
        )["shippingMethod"]["id"]
        say(
            "shippingMethodChannelListingUpdate",
            id=method,
            input={"addChannels": [{"channelId": channel, "price": "4.90"}]},
        )
        kind = say(
            "productTypeCreate",
            input={"name": "Coffee", "kind": "NORMAL", "isShippingRequired": True},
        )["productType"]["id"]
        category = say("categoryCreate", input={"name": "Coffee"})["category"]["id"]
        self.warehouse = warehouse_id
        self.variants = [
            self._variant(name, price, kind, category, channel)
            for name, price in (("Gayo", "18.00"), ("Liberica", "22.50"))
        ]

    def _variant(self, name: str, price: str, kind: str, category: str, channel: str) -> str:
        say = self.staff.say
        product = say(
            "productCreate", input={"name": name, "productType": kind, "category": category}
        )["product"]["id"]
        say(
            "productChannelListingUpdate",
            id=product,
            input={
                "updateChannels": [
                    {"channelId": channel, "isPublished": True, "isAvailableForPurchase": True}
                ]
            },
        )
        variant = say(
            "productVariantCreate",
            input={
                "product": product,
                "sku": f"{name}-{uuid.uuid4().hex[:6]}",
                "attributes": [],
                "stocks": [{"warehouse": self.warehouse, "quantity": 1_000_000}],
            },
        )["productVariant"]["id"]
        say(
            "productVariantChannelListingUpdate",
            id=variant,
            input=[{"channelId": channel, "price": price}],
        )
        return str(variant)

    # --- the app and the plugin --------------------------------------------------------

    def app(self, identifier: str) -> dict[str, Any] | None:
        """Return the installed app of that identifier."""
        for edge in self.staff.say("apps")["edges"]:
            if edge["node"]["identifier"] == identifier:
                return dict(edge["node"])
        return None

    def app_install(self, manifest_url: str, permissions: Sequence[str], identifier: str) -> dict:
        """Install an app from its manifest, as the Dashboard does; return it.

        Tried three times, as a person would on a machine too slow for Saleor's time-outs.
        """
        for last in (False, False, True):
            answer = self.staff.say(
                "appInstall",
                input={
                    "appName": "Saleor Automation",
                    "manifestUrl": manifest_url,
                    "permissions": list(permissions),
                    "activateAfterInstallation": True,
                },
            )
            job = answer["appInstallation"]["id"]
            ended = wait_for(
                lambda job=job: self._installed(job, identifier), "the app is installed", pause=0.5
            )
            if isinstance(ended, dict):
                return ended
            if last:
                raise Refused(f"The app was not installed: {ended}")
        raise AssertionError

    def _installed(self, job: str, identifier: str) -> dict[str, Any] | str | None:
        """Return the app, or why this installation failed, or None while it runs."""
        jobs = {item["id"]: item for item in self.staff.say("appsInstallations") or []}
        if job in jobs and jobs[job]["status"] == "FAILED":
            return str(jobs[job]["message"])
        return None if job in jobs else self.app(identifier)

    def webhooks_active(self, app: Mapping[str, Any], *, active: bool) -> None:
        """Switch an app's webhooks on or off, as staff can in the Dashboard."""
        for webhook in app["webhooks"]:
            self.staff.say("webhookUpdate", id=webhook["id"], input={"isActive": active})

    def deliveries(self, app_id: str) -> dict[str, int]:
        """Return how many of an app's deliveries wait and how many failed for good."""
        webhooks = self.staff.say("deliveries", app=app_id)["webhooks"]
        return {
            state: sum(webhook[state]["totalCount"] for webhook in webhooks)
            for state in ("pending", "failed")
        }

    def plugin(self, plugin_id: str) -> dict[str, Any]:
        """Return the plugin's switch and fields, as the Dashboard shows them."""
        content = self.staff.say("plugin", id=plugin_id)["globalConfiguration"]
        fields = {item["name"]: item["value"] for item in content["configuration"]}
        return {"active": content["active"], **fields}

    def plugin_update(self, plugin_id: str, *, active: bool = True, **fields: str) -> None:
        """Save the plugin's form, as the Dashboard does."""
        items = [{"name": name, "value": value} for name, value in fields.items()]
        self.staff.say(
            "pluginUpdate", id=plugin_id, input={"active": active, "configuration": items}
        )

    # --- shoppers ------------------------------------------------------------------------

    def register(self, email: str, **more: Any) -> Client:
        """Make an account and log in with it. The account appears a moment later."""
        self.nobody.say(
            "accountRegister",
            input={
                "email": email,
                "password": PASSWORD,
                "firstName": "Aisyah",
                "lastName": "Rahman",
                "channel": CHANNEL,
                **more,
            },
        )

        def token() -> str:
            try:
                return self._token(email, PASSWORD)
            except Refused:
                return ""

        return Client(self.api_url, wait_for(token, f"{email} can log in", pause=0.3))

    def basket(
        self, *, email: str | None = None, by: Client | None = None, quantity: int = 1, **more: Any
    ) -> str:
        """Begin a basket, a guest's or a customer's; return its id."""
        lines = [{"variantId": self.variants[0], "quantity": quantity}]
        given = {"channel": CHANNEL, "lines": lines, **more}
        if email is not None:
            given["email"] = email
        answer = (by or self.nobody).say("checkoutCreate", input=given)
        return str(answer["checkout"]["id"])

    def lines_add(self, basket: str, *, variant: int = 1, quantity: int = 1) -> None:
        lines = [{"variantId": self.variants[variant], "quantity": quantity}]
        self.nobody.say("checkoutLinesAdd", id=basket, lines=lines)

    def address(self, basket: str) -> None:
        """Give address and shipping, so that the basket can be bought."""
        self.nobody.say("checkoutShippingAddressUpdate", id=basket, address=ADDRESS)
        answer = self.nobody.say("checkoutBillingAddressUpdate", id=basket, address=ADDRESS)
        method = answer["checkout"]["shippingMethods"][0]["id"]
        self.nobody.say("checkoutDeliveryMethodUpdate", id=basket, method=method)

    def complete(self, basket: str, *, by: Client | None = None) -> dict[str, Any]:
        """Buy the basket; return the order."""
        return dict((by or self.nobody).say("checkoutComplete", id=basket)["order"])

    def buy(self, email: str, **more: Any) -> dict[str, Any]:
        """Go the whole way as a guest; return the order."""
        basket = self.basket(email=email, **more)
        self.address(basket)
        return {**self.complete(basket), "basket": basket}

    def metadata(self, item: str, by: Client | None = None, **values: str) -> None:
        """Write public metadata, by whoever may: a guest on a basket, staff on anything."""
        pairs = [{"key": key, "value": value} for key, value in values.items()]
        (by or self.staff).say("updateMetadata", id=item, input=pairs)

    def leave(self, shopper: Client, token: str) -> None:
        """Delete one's own account with the token of the mail that asked to confirm it."""
        shopper.say("accountDelete", token=token)

    # --- staff about people and orders -------------------------------------------------

    def customer_id(self, email: str) -> str:
        def found() -> str:
            for edge in self.staff.say("customers", search=email)["edges"]:
                if edge["node"]["email"] == email:
                    return str(edge["node"]["id"])
            return ""

        return wait_for(found, f"{email} is a customer")

    def customer_delete(self, email: str) -> None:
        self.staff.say("customerDelete", id=self.customer_id(email))

    def paid(self, order: Mapping[str, Any]) -> None:
        self.staff.say("orderMarkAsPaid", id=order["id"])

    def fulfil(self, order: Mapping[str, Any], *, tracking: str, notify: bool = True) -> str:
        """Send the whole order; return the parcel's id."""
        lines = [
            {
                "orderLineId": line["id"],
                "stocks": [{"quantity": line["quantity"], "warehouse": self.warehouse}],
            }
            for line in order["lines"]
        ]
        answer = self.staff.say(
            "orderFulfill",
            order=order["id"],
            input={"lines": lines, "notifyCustomer": notify, "trackingNumber": tracking},
        )
        return str(answer["fulfillments"][0]["id"])

    def tracking(self, parcel: str, number: str, *, notify: bool = True) -> None:
        self.staff.say(
            "orderFulfillmentUpdateTracking",
            id=parcel,
            input={"trackingNumber": number, "notifyCustomer": notify},
        )

    def cancel(self, order: Mapping[str, Any]) -> None:
        self.staff.say("orderCancel", id=order["id"])

    def refund(self, order: Mapping[str, Any], amount: str) -> None:
        self.staff.say("orderRefund", id=order["id"], amount=amount)
