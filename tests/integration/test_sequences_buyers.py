"""Who bought, and who is not to be told: never mailed, whatever comes in whatever order."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from django.core import mail
from django.db import transaction
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from saleor_automation.delivery.truth import Truth
from saleor_automation.demo import bodies
from saleor_automation.demo.world import Order, Parcel
from saleor_automation.sequences.models import Enrollment
from tests.engine import Play, basket_sequence, mails, sending_open, sequence_make, settle


@pytest.fixture(autouse=True)
def _open(play: Play) -> None:
    sending_open()


MINUTES = [1, 44, 45, 46, 59, 60, 61, 105, 600, 1380, 1440, 2880]
ACTIONS = st.lists(
    st.tuples(
        st.sampled_from(["touch", "buy", "minutes", "deliver", "repeat", "new", "settle"]),
        st.integers(0, 11),
    ),
    min_size=4,
    max_size=25,
)


@pytest.mark.parametrize("truth", ["asked", "not asked"])
def test_a_buyer_never_gets_a_basket_mail(
    play: Play, truth: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the order, the repeats and the delays of what Saleor sends.

    With Saleor asked, no mail leaves after the purchase itself. Without, none leaves
    after the order's event was received; that half shows the engine's own rules.
    """
    if truth == "not asked":
        monkeypatch.setattr("saleor_automation.delivery.sender.truth_ask", lambda **kwargs: Truth())
    basket_sequence()
    seen = {"mails": 0, "examples": 0}

    @hypothesis_settings(
        max_examples=120,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(ACTIONS)
    def run(actions: list[tuple[str, int]]) -> None:
        with transaction.atomic():
            seen["examples"] += 1
            seen["mails"] += _live(play, actions, truth)
            transaction.set_rollback(True)

    run()
    assert seen["mails"] > 0, "the property was never near a mail"


def _live(play: Play, actions: list[tuple[str, int]], truth: str) -> int:
    start = play.clock.at
    play.world.__init__()  # type: ignore[misc]
    play.held, play.holding = [], True
    guest = play.shopper("guest", account=False)
    baskets = [play.basket(guest, "b0")]
    delivered: list[tuple[str, bytes]] = []
    bought_at = known_at = None
    mail.outbox.clear()
    try:
        for action, number in actions:
            open_baskets = [b for b in baskets if b.key in play.world.baskets]
            if action == "touch" and open_baskets:
                play.touch(open_baskets[number % len(open_baskets)], {"mug": number})
            elif action == "new" and len(baskets) < 3:
                baskets.append(play.basket(guest, f"b{len(baskets)}"))
            elif action == "buy" and open_baskets:
                play.buy(open_baskets[number % len(open_baskets)].key)
                bought_at = bought_at or len(mail.outbox)
            elif action == "minutes":
                play.clock.forward(minutes=MINUTES[number])
            elif action == "deliver" and play.held:
                event, body = play.held.pop(number % len(play.held))
                delivered.append((event, body))
                play.deliver(event, body)
                if event == "order_created" and known_at is None:
                    known_at = len(mail.outbox)
            elif action == "repeat" and delivered:
                play.deliver(*delivered[number % len(delivered)])
            elif action == "settle":
                settle()
        settle()
        play.clock.forward(hours=2)
        settle()
        count = len(mail.outbox)
        limit = bought_at if truth == "asked" else known_at
        # A basket begun after the purchase is a new matter.
        if limit is not None and all(
            basket.created_at <= order.created_at
            for basket in baskets
            for order in play.world.orders.values()
        ):
            assert count == limit, "a buyer was mailed about a basket"
        return count
    finally:
        play.clock.at, play.holding = start, None


def shipped(play: Play, parcel: Parcel, order: Order, notify: bool | None, event: str) -> None:
    content: dict[str, Any] = {
        "fulfillment": bodies.fulfillment(order, parcel, "http://shop"),
        "order": bodies.order(order, "http://shop"),
    }
    if notify is not None:
        content["notifyCustomer"] = notify
    play.tell(event, content)


TOLD = [
    (None, "fulfillment_tracking_number_updated"),
    (False, "fulfillment_created"),
    (None, "order_fulfilled"),
    (False, "fulfillment_approved"),
]


@pytest.mark.parametrize("order", list(itertools.permutations(range(4)))[::5])
def test_a_parcel_the_customer_is_not_to_be_told_of_starts_nothing(
    play: Play, order: tuple[int, ...]
) -> None:
    sending_open()
    sequence_make("after", "shipped", [0, 1440])
    play.basket(play.shopper(), "b1")
    sold = play.buy("b1")
    parcel = play.world.ship("b1", "TRACK1", play.clock.at)
    for number in order:
        notify, event = TOLD[number]
        play.clock.forward(seconds=10)
        shipped(play, parcel, sold, notify, event)
        settle()
    play.clock.forward(days=3)
    settle()
    assert (Enrollment.objects.count(), mails()) == (0, [])
    # The next parcel of the same order is another matter.
    second = play.world.ship("b1", "TRACK2", play.clock.at)
    shipped(play, second, sold, True, "fulfillment_created")
    settle()
    assert [(mail[1], mail[2]) for mail in mails()] == [("after 1", "accepted")]


def test_who_was_mailed_about_a_parcel_hears_no_more_of_it(play: Play) -> None:
    sending_open()
    sequence_make("after", "shipped", [1, 1440])
    play.basket(play.shopper(), "b1")
    sold = play.buy("b1")
    parcel = play.world.ship("b1", "TRACK1", play.clock.at)
    shipped(play, parcel, sold, None, "order_fulfilled")
    settle()
    play.clock.forward(minutes=1)
    settle()
    assert [mail[2:] for mail in mails()] == [("planned", "parcel_unsaid")]
    play.clock.forward(minutes=1)
    settle()
    assert [mail[2:] for mail in mails()] == [("accepted", "")]
    shipped(play, parcel, sold, False, "fulfillment_created")
    play.clock.forward(days=2)
    settle()
    (enrollment,) = Enrollment.objects.all()
    assert (enrollment.state, enrollment.reason) == ("exited", "not_told")
    assert len(mails()) == 1
