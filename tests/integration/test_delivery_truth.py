"""What Saleor says right before a mail leaves is what the mail shows, or why it stays."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.core import mail

from saleor_automation.delivery import sender, truth
from saleor_automation.delivery.models import Message
from saleor_automation.delivery.reasons import words
from saleor_automation.demo import bodies
from saleor_automation.demo.world import Basket
from saleor_automation.saleor_app.asking import Answers
from saleor_automation.saleor_app.baskets import BasketQuestion, BasketTruth, basket_snapshot
from saleor_automation.saleor_app.orders import OrderTruth
from saleor_automation.sequences.models import Enrollment
from saleor_automation.shop.models import Checkout, ShopOrder
from tests.engine import (
    BASKET_EXITS,
    Play,
    answers,
    email_make,
    saleor_away,
    sending_open,
    sequence_make,
    settle,
)

State = Message.State
TEXT = (
    "{% for line in basket.lines %}{{ line.name }} {{ line.price_amount }} {{ line.left }};"
    "{% endfor %} {{ basket.total_amount }} [{{ basket.sold_out }}]"
)
NODES = {
    "m1": {"type": "send", "email": "", "next": "w2"},
    "w2": {"type": "wait", "minutes": 1440, "next": "m2"},
    "m2": {"type": "send", "email": "", "next": None},
}


class Saleor:
    """Answers about baskets as the test wants them."""

    def __init__(self, play: Play) -> None:
        self.play = play
        self.asked: list[BasketQuestion] = []
        #: Changes of the basket's body.
        self.changes: dict[str, Any] = {}
        self.problems: dict[int, list[dict[str, Any]]] = {}
        self.ordered = False

    def ask(self, questions: list[BasketQuestion], **kwargs: Any) -> Answers[Any, Any]:
        self.asked += questions
        return answers({question: self.truth(question) for question in questions})

    def truth(self, question: BasketQuestion) -> BasketTruth:
        basket = self.play.world.basket_by_id(question.checkout_id)
        body = bodies.checkout(basket, "http://shop") if basket else None
        if body is not None:
            body |= self.changes
            for number, problems in self.problems.items():
                body["lines"][number]["problems"] = problems
        return BasketTruth(
            ordered=self.ordered, basket=basket_snapshot(body, self.play.clock.now())
        )


GONE = [{"__typename": "CheckoutLineProblemInsufficientStock", "availableQuantity": 0}]
FEW = [{"__typename": "CheckoutLineProblemInsufficientStock", "availableQuantity": 1}]


@pytest.fixture
def saleor(play: Play, monkeypatch: pytest.MonkeyPatch) -> Saleor:
    sending_open()
    made = Saleor(play)
    monkeypatch.setattr(truth, "baskets_ask", made.ask)
    nodes = {
        name: {**node, "email": str(email_make(f"basket {name}", TEXT))}
        if node["type"] == "send"
        else node
        for name, node in NODES.items()
    }
    sequence_make(
        "basket",
        "basket_changed",
        [],
        quiet_minutes=45,
        exits=BASKET_EXITS,
        entry="m1",
        nodes=nodes,
    )
    return made


def left(play: Play, goods: dict[str, int] | None = None) -> Basket:
    basket = play.basket(play.shopper("aina"), "b1", goods or {"arabica": 2, "mug": 1})
    play.clock.forward(minutes=45)
    return basket


def only() -> Message:
    return Message.objects.get(node="m1")


def goods() -> list[str]:
    from saleor_automation.demo.goods import PRODUCTS

    return list(PRODUCTS)[:2]


def test_the_mail_shows_what_is_true_now(play: Play, saleor: Saleor) -> None:
    first, second = goods()
    basket = left(play, {first: 2, second: 1})
    body = bodies.checkout(basket, "http://shop")
    for line in body["lines"]:
        line["totalPrice"] = {"gross": {"amount": 7.5}}
    # A new price changes nothing about the basket that a webhook would tell.
    saleor.changes = {
        "lines": body["lines"],
        "totalPrice": {"currency": "MYR", "gross": {"amount": 15.0}},
    }
    settle()
    (sent,) = mail.outbox
    assert str(sent.body).count(" 7.50 ") == 2
    assert "15.00 []" in str(sent.body)
    row = Checkout.objects.get()
    assert (row.total_gross, row.lines[0]["total_gross"]) == (Decimal(15), "7.5000")
    message = only()
    assert (message.state, message.truth_age) == (State.ACCEPTED, 1)


def test_what_is_sold_out_is_named_and_what_is_short_marked(play: Play, saleor: Saleor) -> None:
    first, second = goods()
    left(play, {first: 2, second: 3})
    saleor.problems = {0: GONE, 1: FEW}
    settle()
    (sent,) = mail.outbox
    names = {line["product_name"]: line["available"] for line in Checkout.objects.get().lines}
    gone = next(name for name, available in names.items() if available == 0)
    assert str(sent.body).strip().endswith(f"[{gone}]")
    assert " 1;" in str(sent.body)
    assert str(sent.body).count(";") == 1


def test_a_basket_that_is_sold_out_is_not_mailed_about_until_it_is_there_again(
    play: Play, saleor: Saleor
) -> None:
    first, second = goods()
    left(play, {first: 2, second: 3})
    saleor.problems = {0: GONE, 1: GONE}
    settle()
    assert (only().state, only().reason) == (State.SKIPPED, "sold_out")
    assert "sold out" in words(only().reason)
    saleor.problems = {}
    play.clock.forward(days=1)
    settle()
    assert Message.objects.get(node="m2").state == State.ACCEPTED
    assert len(mail.outbox) == 1


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"authorizeStatus": "FULL"}, "exit:basket_paid"),
        ({"chargeStatus": "PARTIAL"}, "exit:basket_paid"),
        ({"lines": []}, "exit:basket_empty"),
    ],
)
def test_who_pays_or_put_everything_back_is_left_alone(
    play: Play, saleor: Saleor, changes: dict[str, Any], reason: str
) -> None:
    left(play, {goods()[0]: 1})
    saleor.changes = changes
    settle()
    assert (only().state, only().reason, mail.outbox) == (State.SKIPPED, reason, [])
    assert Enrollment.objects.get().state == Enrollment.State.EXITED


def test_a_basket_saleor_lost_is_known_to_be_gone(play: Play, saleor: Saleor) -> None:
    left(play, {goods()[0]: 1})
    play.world.baskets.clear()
    settle()
    assert only().reason == "exit:basket_deleted"
    assert Checkout.objects.get().deleted


def test_a_person_is_asked_about_under_every_name(play: Play, saleor: Saleor) -> None:
    basket = left(play, {goods()[0]: 1})
    Checkout.objects.update(email="work@elsewhere.example", user_id="VXNlcjo5OQ==")
    settle()
    (question,) = saleor.asked
    assert question.emails == ("aina@shopper.example", "work@elsewhere.example")
    assert set(question.users) == {basket.shopper.id, "VXNlcjo5OQ=="}


def test_an_old_answer_is_asked_for_again(
    play: Play, saleor: Saleor, monkeypatch: pytest.MonkeyPatch
) -> None:
    left(play, {goods()[0]: 1})
    hand = [1000.0]
    monkeypatch.setattr(truth.time, "monotonic", lambda: hand[0])
    real = sender.compose

    def slowly(**kwargs: Any) -> Any:
        hand[0] += 31 if len(saleor.asked) == 1 else 2.1
        return real(**kwargs)

    monkeypatch.setattr(sender, "compose", slowly)
    settle()
    assert len(saleor.asked) == 2
    assert (only().state, only().truth_age, len(mail.outbox)) == (State.ACCEPTED, 3, 1)


def test_an_answer_that_grew_old_before_its_turn_is_asked_for_again(
    play: Play, saleor: Saleor, monkeypatch: pytest.MonkeyPatch
) -> None:
    left(play, {goods()[0]: 1})
    hand = [1000.0]
    monkeypatch.setattr(truth.time, "monotonic", lambda: hand[0])
    real = sender._decide

    def slowly(*args: Any, **kwargs: Any) -> Any:
        going = real(*args, **kwargs)
        hand[0] += 31 if len(saleor.asked) == 1 else 0
        return going

    monkeypatch.setattr(sender, "_decide", slowly)
    settle()
    assert (len(saleor.asked), only().state, len(mail.outbox)) == (2, State.ACCEPTED, 1)


def test_a_hold_ends_before_the_mail_makes_no_sense(
    play: Play, saleor: Saleor, monkeypatch: pytest.MonkeyPatch
) -> None:
    left(play, {goods()[0]: 1})
    with monkeypatch.context() as patched:
        patched.setattr(truth, "baskets_ask", saleor_away)
        settle()
        expires = play.clock.at.replace() + (only().expires_at - only().planned_at)  # type: ignore[operator]
        Message.objects.update(expires_at=play.clock.at.replace(minute=play.clock.at.minute + 2))
        play.clock.forward(seconds=1)
        Message.objects.update(due_at=play.clock.at)
        settle()
        held = only()
        assert (held.state, held.reason) == (State.PLANNED, "saleor_unreachable")
        assert held.expires_at is not None
        assert (held.expires_at - held.due_at).total_seconds() == 30
        assert expires > held.expires_at
        play.clock.forward(minutes=3)
        settle()
    late = only()
    assert (late.state, late.reason) == (State.EXPIRED, "expired_unreachable")
    assert "Saleor could not be asked" in words(late.reason)


# Orders


def bought(play: Play, trigger: str = "ordered", **changes: Any) -> str:
    sending_open()
    sequence_make("after", trigger, [0, 1440], **changes)
    play.basket(play.shopper("aina"), "b1", {goods()[0]: 1})
    order = play.buy("b1")
    return order.id


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch, play: Play) -> dict[str, Any]:
    """What Saleor says of every order."""
    about = {"exists": True, "status": "UNFULFILLED", "charge_status": "NONE"}
    about |= {"refunded": Decimal(0), "total": Decimal(10)}

    def ask(order_ids: list[str], **kwargs: Any) -> Answers[str, OrderTruth]:
        return answers({order_id: OrderTruth(**about) for order_id in order_ids})

    monkeypatch.setattr(truth, "orders_ask", ask)
    return about


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"status": "CANCELED"}, "exit:cancelled"),
        ({"status": "EXPIRED"}, "exit:cancelled"),
        ({"status": "RETURNED"}, "exit:refunded"),
        ({"refunded": Decimal(10)}, "exit:refunded"),
        ({"exists": False}, "exit:order_gone"),
    ],
)
def test_of_an_order_that_was_undone_nobody_is_mailed(
    play: Play, said: dict[str, Any], changes: dict[str, Any], reason: str
) -> None:
    bought(play)
    said |= changes
    settle()
    message = Message.objects.get()
    assert (message.state, message.reason, mail.outbox) == (State.SKIPPED, reason, [])


def test_the_sequences_own_exits_are_asked_of_what_saleor_says(
    play: Play, said: dict[str, Any]
) -> None:
    rule = {"condition": {"fact": "order.refunded", "op": "is_true"}, "reason": "some_back"}
    order_id = bought(play, exits=[rule])
    said |= {"refunded": Decimal(4), "status": "PARTIALLY_RETURNED"}
    settle()
    assert Message.objects.get().reason == "exit:some_back"
    row = ShopOrder.objects.get(saleor_id=order_id)
    assert (row.status, row.refunded_gross) == ("PARTIALLY_RETURNED", Decimal(4))


def test_a_mail_about_the_cancelling_goes(play: Play, said: dict[str, Any]) -> None:
    bought(play, "cancelled")
    order = play.world.orders["b1"]
    order.status = said["status"] = "CANCELED"
    play.tell("order_cancelled", {"order": bodies.order(order, "http://shop")})
    settle()
    message = Message.objects.get()
    assert (message.state, message.truth_age) == (State.ACCEPTED, 1)


def test_a_mail_about_an_order_is_held_too(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    bought(play)
    with monkeypatch.context() as patched:
        patched.setattr(truth, "orders_ask", saleor_away)
        settle()
    assert Message.objects.get().reason == "saleor_unreachable"
    play.clock.forward(minutes=5)
    settle()
    assert Message.objects.get().state == State.ACCEPTED


def test_a_mail_that_is_about_no_money_asks_nobody(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    sending_open()
    sequence_make("welcome", "joined", [0])
    for name in ("baskets_ask", "orders_ask"):
        monkeypatch.setattr(truth, name, lambda *args, **kwargs: pytest.fail("asked"))
    play.shopper()
    settle()
    message = Message.objects.get()
    assert (message.state, message.truth_age) == (State.ACCEPTED, None)
