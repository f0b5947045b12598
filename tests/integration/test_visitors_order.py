"""Any order of identify, alias, order and address change ends in the same contacts.

Hypothesis plays a shop with accounts, guests and changed addresses, and beside it pages and
servers that say who visitors are; then everything is delivered in any order, some of it
twice, and in batches cut anyhow.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from saleor_automation.inbox.models import RawEvent
from saleor_automation.inbox.services import raw_event_store
from saleor_automation.inbox.track.calls import call_check
from saleor_automation.inbox.track.models import WriteKey
from saleor_automation.inbox.track.storing import calls_store
from saleor_automation.people.models import Contact, Identity, IdentityClaim
from tests.integration.test_people_order import ADDRESSES, NOW, Shop
from tests.recorded import contact_names, snapshot_tables
from tests.tracking import understand

pytestmark = pytest.mark.django_db

VISITORS = ["v0", "v1"]
#: Accounts of the shop, and ids of somebody else's.
IDS = ["U0", "U1", "x0", "x1", "x2"]
Sent = tuple[str, Any]


class Site(Shop):
    """A shop whose pages and servers tell of visitors too."""

    def tell(self, by: str, type_: str, who: int, what: int) -> None:
        self.minute += 1
        content: dict[str, Any] = {
            "type": type_,
            "messageId": f"m{self.minute}",
            "timestamp": (
                datetime(2026, 3, 1, tzinfo=UTC) + timedelta(minutes=self.minute)
            ).isoformat(),
        }
        if type_ == "alias":
            content["previousId"] = [*VISITORS, *IDS][(who + what) % 7]
            content["userId"] = IDS[what]
        elif type_ == "identify":
            if who < 2 or by == "page":
                content["anonymousId"] = VISITORS[who % 2]
            if what % 2 or "anonymousId" not in content:
                content["userId"] = IDS[(who + what) % 5]
            content["traits"] = {"firstName": f"{by}{what}"}
            if what != 1:
                content["traits"]["email"] = ADDRESSES[what % 4]
        else:
            content["event"] = "Product Viewed"
            if what % 2 or by == "page":
                content["anonymousId"] = VISITORS[who % 2]
            if not what % 3 or "anonymousId" not in content:
                content["userId"] = IDS[what]
        self.sent.append((by, content))


ACTIONS = st.lists(
    st.tuples(
        st.sampled_from(
            [
                "join",
                "move",
                "order",
                "basket",
                *[
                    f"{by} {type_}"
                    for by in ("page", "server")
                    for type_ in ("identify", "identify", "alias", "track")
                ],
            ]
        ),
        st.integers(0, 2),
        st.integers(0, 3),
    ),
    min_size=2,
    max_size=14,
)


def play(actions: Sequence[tuple[str, int, int]]) -> list[Sent]:
    site = Site(deletions=False)
    for action, who, what in actions:
        by, _space, type_ = action.partition(" ")
        if type_:
            site.tell(by, type_, who, what)
        else:
            site.play(action, who, what)
    return site.sent


def deliver(
    sent: Sequence[Sent], keys: dict[str, WriteKey], size: int, *, together: bool
) -> dict[str, Any]:
    """Deliver in this order, calls that follow each other up to ``size`` in a batch.

    ``together``: batches that follow each other wait for the worker at one moment.
    """
    point = transaction.savepoint()
    waiting: list[Sent] = []

    def flush() -> None:
        if waiting:
            calls = [
                call_check(content, received_at=NOW, skew=timedelta(0), large=False)
                for _by, content in waiting
            ]
            calls_store(key=keys[waiting[0][0]], calls=calls, history=False, now=NOW)
            waiting.clear()
            if not together:
                understand(NOW)

    for name, content in sent:
        if waiting and (waiting[0][0] != name or len(waiting) >= size):
            flush()
        if name in keys:
            waiting.append((name, content))
            continue
        understand(NOW)
        raw_event_store(
            source="webhook",
            event_type=name,
            api_url="https://shop.example/graphql/",
            body=json.dumps(content).encode(),
            now=NOW,
        )
        understand(NOW)
    flush()
    understand(NOW)
    assert not RawEvent.objects.exclude(state=RawEvent.State.DONE).exists()
    names = contact_names()
    tables = snapshot_tables()
    tables["claims"] = sorted(
        f"{row.identity} {row.at} {row.target_kind}:{row.target} {names[row.contact_id]}"
        for row in IdentityClaim.objects.select_related("identity")
        if row.identity.kind == Identity.Kind.ANONYMOUS
    )
    tables["evidence"] = {
        names[row.pk]: [row.field_versions, row.is_anonymous] for row in Contact.objects.all()
    }
    # An account and its contact's id in another system: nobody is two people.
    for row in Identity.objects.filter(kind=Identity.Kind.SALEOR_USER):
        for twin in Identity.objects.filter(kind=Identity.Kind.EXTERNAL, value=row.value):
            assert twin.contact_id == row.contact_id
    transaction.savepoint_rollback(point)
    return tables


@settings(
    max_examples=60,
    deadline=None,
    # Shrinking replays a database for minutes; the failing play is short enough to read.
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(actions=ACTIONS, data=st.data())
def test_any_order_ends_in_the_same_contacts(
    db: None, actions: list[tuple[str, int, int]], data: st.DataObject
) -> None:
    keys = {
        by: WriteKey.objects.get_or_create(
            name=by, kind=kind, digest=by, hint="", created_at=NOW, origins=[]
        )[0]
        for by, kind in (("page", "browser"), ("server", "server"))
    }
    sent = play(actions)
    forwards = deliver(sent, keys, 1, together=False)

    again = (
        [sent[number] for number in data.draw(st.lists(st.integers(0, len(sent) - 1)))]
        if sent
        else []
    )
    shuffled = data.draw(st.permutations(sent + again[:4]))
    size = data.draw(st.integers(1, 5))

    backwards = deliver(shuffled, keys, size, together=data.draw(st.booleans()))
    for table, rows in forwards.items():
        assert backwards[table] == rows, table
