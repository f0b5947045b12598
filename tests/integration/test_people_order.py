"""Any order of payloads gives the same people: a random shop, its payloads shuffled.

Hypothesis plays a shop (accounts, guests, changed addresses, deletions) forwards, then
delivers what it would have sent in any order. Not played, where accounts are deleted: an
address that goes from one account to another, and a basket that gets another address or its
first. Whose they were when is then lost with the deleted, and a fact more or less may stay.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from saleor_automation.inbox.models import RawEvent
from saleor_automation.inbox.services import raw_event_store, raw_events_process
from tests.recorded import snapshot_tables

pytestmark = pytest.mark.django_db
START = datetime(2026, 3, 1, tzinfo=UTC)
NOW = START + timedelta(days=1)
ADDRESSES = ["Ana@x.example", "ben@x.example", "chi@x.example", "dee@x.example"]


class Shop:
    """A shop that remembers what it would have sent."""

    def __init__(self, *, deletions: bool) -> None:
        self.deletions = deletions
        self.sent: list[tuple[str, dict[str, Any]]] = []
        self.users: dict[str, dict[str, Any]] = {}
        self.orders: list[dict[str, Any]] = []
        self.baskets: list[dict[str, Any]] = []
        #: Who had an address first; with deletions it never goes to another account.
        self.first_owner: dict[str, str] = {}
        self.deleted: set[str] = set()
        self.minute = 0

    def tick(self) -> str:
        self.minute += 1
        return (START + timedelta(minutes=self.minute)).isoformat()

    def send(self, event: str, **content: Any) -> None:
        issued = self.tick()
        self.sent.append((event, json.loads(json.dumps({"issuedAt": issued, **content}))))

    def is_free(self, user_id: str, address: str) -> bool:
        if any(user["email"] == address for user in self.users.values()):
            return False
        return not self.deletions or self.first_owner.get(address, user_id) == user_id

    def play(self, action: str, who: int, what: int) -> None:
        user_id, address = f"U{who}", ADDRESSES[what]
        user = self.users.get(user_id)
        if action == "join" and user is None and user_id not in self.deleted:
            if self.is_free(user_id, address):
                self.first_owner[address] = user_id
                at = self.tick()
                self.users[user_id] = {"id": user_id, "email": address, "dateJoined": at}
                self.users[user_id] |= {"firstName": "", "lastName": "", "languageCode": "EN"}
                self.send("customer_created", user={**self.users[user_id], "updatedAt": at})
        elif action == "rename" and user is not None:
            user["firstName"], user["languageCode"] = f"Name{what}", ["EN", "MS"][what % 2]
            self.send("customer_updated", user={**user, "updatedAt": self.tick()})
        elif action == "move" and user is not None and self.is_free(user_id, address):
            self.first_owner[address] = user_id
            user["email"] = address
            self.send("account_email_changed", user={**user, "updatedAt": self.tick()})
        elif action == "delete" and user is not None and self.deletions:
            gone = self.users.pop(user_id)
            self.deleted.add(user_id)
            for order in self.orders:
                if order["user"] and order["user"]["id"] == user_id:
                    order["user"] = None
            self.baskets = [b for b in self.baskets if not b["user"] or b["user"]["id"] != user_id]
            self.send("customer_deleted", user={"id": user_id, "email": gone["email"]})
        elif action in ("order", "basket"):
            # Odd: as a guest. Even: with the account, when there is one.
            self.shop(action, user if what % 2 == 0 else None, address, country=who)
        elif action == "touch" and self.orders:
            order = self.orders[who % len(self.orders)]
            if order["user"] is None:
                matching = [u for u in self.users.values() if u["email"] == order["userEmail"]]
                order["user"] = matching[0] if matching else None
            order |= {"status": ["UNFULFILLED", "FULFILLED", "CANCELED"][what % 3]}
            self.send("order_updated", order=order | {"updatedAt": self.tick()})
        elif action == "fill" and self.baskets:
            basket = self.baskets[who % len(self.baskets)]
            if basket["user"]:
                basket["email"] = basket["user"]["email"]
            elif not (self.deletions and basket["email"]):
                basket["email"] = address
            self.send("checkout_updated", checkout=basket | {"updatedAt": self.tick()})

    def shop(self, action: str, user: dict[str, Any] | None, address: str, country: int) -> None:
        at = self.tick()
        made = {
            "user": user,
            "created": at,
            "updatedAt": at,
            "channel": {"slug": f"channel-{country}"},
            "billingAddress": {"firstName": f"Payer{country}", "country": {"code": f"C{country}"}},
        }
        email = user["email"] if user else address
        if action == "order":
            made |= {"id": f"O{len(self.orders)}", "userEmail": email, "status": "UNCONFIRMED"}
            self.orders.append(made)
            self.send("order_created", order=made)
        else:
            made |= {"id": f"C{self.minute}", "email": email if country or self.deletions else ""}
            self.baskets.append(made)
            self.send("checkout_created", checkout=made)


ACTIONS = st.lists(
    st.tuples(
        st.sampled_from(
            ["join", "join", "rename", "move", "delete", "order", "basket", "touch", "fill"]
        ),
        st.integers(0, 2),
        st.integers(0, len(ADDRESSES) - 1),
    ),
    min_size=2,
    max_size=14,
)


def deliver(payloads):
    """Process payloads in this order and return the tables; leaves nothing behind."""
    point = transaction.savepoint()
    for event, content in payloads:
        raw_event_store(
            source="webhook",
            event_type=event,
            api_url="https://shop.example/graphql/",
            body=json.dumps(content).encode(),
            now=NOW,
        )
        waiting = RawEvent.objects.filter(state=RawEvent.State.PENDING)
        raw_events_process(ids=list(waiting.values_list("pk", flat=True)), now=NOW)
    assert not RawEvent.objects.exclude(state=RawEvent.State.DONE).exists()
    tables = snapshot_tables()
    transaction.savepoint_rollback(point)
    return tables


@settings(
    max_examples=60,
    deadline=None,
    # Shrinking replays a database for minutes; the failing play is short enough to read.
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(actions=ACTIONS, deletions=st.booleans(), data=st.data())
def test_any_order_of_payloads_gives_the_same_people(db, actions, deletions, data):
    shop = Shop(deletions=deletions)
    for action in actions:
        shop.play(*action)
    forwards = deliver(shop.sent)

    shuffled = deliver(data.draw(st.permutations(shop.sent)))

    assert shuffled == forwards
    # A person who was erased is nowhere, and nobody is two people.
    for user_id in shop.deleted:
        assert not any(user_id in name for name in forwards["contacts"])
    for user_id, user in shop.users.items():
        [name] = [name for name in forwards["contacts"] if user_id in name.split()]
        assert forwards["contacts"][name]["email"] == user["email"]
