"""The link back to a basket: where it leads, what it applies, and what it never does."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.core import mail
from django.test import Client

from saleor_automation import clock
from saleor_automation.delivery import recovery
from saleor_automation.delivery.links import LinkToken, token_make, token_read
from saleor_automation.delivery.models import Message, MessageContent
from saleor_automation.demo.world import Basket
from saleor_automation.emails.models import Brand
from saleor_automation.exceptions import SaleorAPIError
from saleor_automation.people.models import Contact
from saleor_automation.people.services import contact_erase
from saleor_automation.saleor_app.checkouts import BasketLook
from saleor_automation.shop.models import ShopOrder
from tests.engine import BASKET_EXITS, Play, email_make, sending_open, sequence_make, settle

TEXT = "Back: {{ basket.url }} {{ basket.voucher_code }}"


class Asked:
    """What Saleor is asked by the link, and what it answers."""

    def __init__(self) -> None:
        self.look: BasketLook | Exception = BasketLook(exists=True, ordered=False, items=1)
        self.refused: str | Exception = ""
        self.looks: list[str] = []
        self.vouchers: list[tuple[str, str]] = []

    def basket_look(self, checkout_id: str, *, timeout: float) -> BasketLook:
        self.looks.append(checkout_id)
        if isinstance(self.look, Exception):
            raise self.look
        return self.look

    def voucher_apply(self, checkout_id: str, code: str, *, timeout: float) -> str:
        self.vouchers.append((checkout_id, code))
        if isinstance(self.refused, Exception):
            raise self.refused
        return self.refused


@pytest.fixture
def saleor(monkeypatch: pytest.MonkeyPatch) -> Asked:
    made = Asked()
    monkeypatch.setattr(recovery, "basket_look", made.basket_look)
    monkeypatch.setattr(recovery, "voucher_apply", made.voucher_apply)
    monkeypatch.setattr(recovery, "_silent_until", 0.0)
    return made


@pytest.fixture
def basket(play: Play) -> Basket:
    """A basket whose owner was mailed about it, with a voucher."""
    sending_open()
    email = email_make("kept", TEXT)
    node = {"type": "send", "email": str(email), "voucher": "SELAMAT10", "next": None}
    sequence_make(
        "basket",
        "basket_changed",
        [],
        quiet_minutes=45,
        exits=BASKET_EXITS,
        entry="m1",
        nodes={"m1": node},
    )
    left = play.basket(play.shopper("guest", account=False, language="MS"), "b1")
    play.clock.forward(minutes=45)
    settle()
    assert Message.objects.get().state == Message.State.ACCEPTED
    return left


def link() -> str:
    """Return the path of the link in the mail."""
    (sent,) = mail.outbox
    word = next(word for word in str(sent.body).split() if "/basket/" in word)
    return urlsplit(word).path


def test_the_mail_holds_no_key_to_the_basket(basket: Basket, saleor: Asked) -> None:
    content = MessageContent.objects.get()
    (sent,) = mail.outbox
    everything = str(content.context) + str(content.envelope) + sent.message().as_string()
    for key in (basket.id, basket.token, basket.id.rstrip("=")):
        assert key not in everything
    assert "SELAMAT10" in str(sent.body)
    # The same in the browser.
    seen = Client().get(link().removesuffix("basket/")).content.decode()
    assert link() in seen
    assert basket.id.rstrip("=") not in seen


def test_it_leads_to_the_shop_and_applies_the_voucher(basket: Basket, saleor: Asked) -> None:
    answer = Client().get(link())
    assert answer.status_code == 302
    quoted = basket.id.replace("=", "%3D")
    assert answer["Location"] == f"https://kedai.example/checkout?checkout={quoted}"
    assert answer["Referrer-Policy"] == "no-referrer"
    assert answer["X-Robots-Tag"] == "noindex"
    assert "no-store" in answer["Cache-Control"]
    assert answer.content == b""
    assert saleor.vouchers == [(basket.id, "SELAMAT10")]


@pytest.mark.parametrize("header", ["Sec-Purpose", "Purpose", "X-Moz"])
def test_whoever_only_looks_changes_nothing(basket: Basket, saleor: Asked, header: str) -> None:
    assert Client().head(link()).status_code == 302
    assert (saleor.looks, saleor.vouchers) == ([], [])
    answer = Client().get(link(), headers={header: "prefetch;prerender"})
    assert (answer.status_code, saleor.vouchers) == (302, [])


@pytest.mark.parametrize("method", ["post", "put", "delete", "options"])
def test_other_methods_are_refused(basket: Basket, saleor: Asked, method: str) -> None:
    assert getattr(Client(), method)(link()).status_code == 405
    assert saleor.looks == []


@pytest.mark.parametrize("there", ["SELAMAT10", "SHOPPERS-OWN"])
def test_a_code_that_is_there_already_stays(basket: Basket, saleor: Asked, there: str) -> None:
    saleor.look = BasketLook(exists=True, ordered=False, items=1, voucher=there)
    assert Client().get(link()).status_code == 302
    assert saleor.vouchers == []


@pytest.mark.parametrize("refused", ["VOUCHER_NOT_APPLICABLE", SaleorAPIError("away")])
def test_a_voucher_that_fails_keeps_nobody_from_the_shop(
    basket: Basket, saleor: Asked, refused: Any, caplog: pytest.LogCaptureFixture
) -> None:
    saleor.refused = refused
    with caplog.at_level(logging.WARNING):
        assert Client().get(link()).status_code == 302
    assert "voucher of step m1" in caplog.text
    assert basket.id not in caplog.text
    assert "SELAMAT10" not in caplog.text


def test_a_saleor_that_cannot_be_asked_keeps_nobody_from_the_shop(
    basket: Basket, saleor: Asked, caplog: pytest.LogCaptureFixture
) -> None:
    saleor.look = SaleorAPIError("Saleor cannot be reached")
    with caplog.at_level(logging.WARNING):
        assert Client().get(link()).status_code == 302
    assert basket.id not in caplog.text
    # Nobody waits for it a second time.
    assert Client().get(link()).status_code == 302
    assert (saleor.looks, saleor.vouchers) == ([basket.id], [])


@pytest.mark.parametrize(
    ("look", "status", "words"),
    [
        # Malay, the language of the mail, once it is translated; the status says the same.
        (BasketLook(exists=False, ordered=True), 200, 'data-step="bought"'),
        (BasketLook(exists=True, ordered=True, items=1), 200, 'data-step="bought"'),
        (BasketLook(exists=False, ordered=False), 410, 'data-step="gone"'),
        (BasketLook(exists=True, ordered=False, items=0), 410, 'data-step="gone"'),
    ],
)
def test_a_basket_that_is_bought_or_gone(
    basket: Basket, saleor: Asked, look: BasketLook, status: int, words: str
) -> None:
    saleor.look = look
    answer = Client().get(link())
    assert answer.status_code == status
    page = answer.content.decode()
    assert words in page
    assert 'href="https://kedai.example"' in page
    assert '<html lang="ms"' in page
    assert basket.id.rstrip("=") not in page
    assert "default-src 'none'" in answer["Content-Security-Policy"]
    assert saleor.vouchers == []


def test_what_we_know_is_bought_is_not_asked_about(basket: Basket, saleor: Asked) -> None:
    ShopOrder.objects.create(saleor_id="O1", checkout_id=basket.id, status="UNFULFILLED")
    assert Client().get(link()).status_code == 200
    assert saleor.looks == []


def erase() -> None:
    now = clock.now()
    contact_erase(contact=Contact.objects.get(), at=now, now=now)


@pytest.mark.parametrize(
    "change",
    [
        erase,
        lambda: Message.objects.all().delete(),
        lambda: Message.objects.update(enrollment=None),
    ],
)
def test_a_mail_or_person_that_is_gone(
    basket: Basket, saleor: Asked, change: Callable[[], Any]
) -> None:
    path = link()
    change()
    assert Client().get(path).status_code == 410
    assert saleor.looks == []


def test_a_mail_that_is_about_no_basket(play: Play, saleor: Asked) -> None:
    sending_open()
    sequence_make("welcome", "joined", [0])
    play.shopper()
    settle()
    message = Message.objects.get()
    assert message.contact_id is not None
    token = token_make(LinkToken(message.contact_id, message.pk))
    assert Client().get(f"/m/{token}/basket/").status_code == 410


def test_forged_tokens_are_not_found(basket: Basket, saleor: Asked, play: Play) -> None:
    path = link()
    token = path.split("/")[2]
    known = token_read(token)
    assert known is not None
    body, _, signature = token.partition(".")
    other = token_make(LinkToken(known.contact_id, known.contact_id)).partition(".")[0]
    for forged in (
        token[:-1],
        f"{body}.{signature[::-1]}",
        f"{other}.{signature}",
        body,
        "x",
        f"{token}%0d%0aLocation: //evil.example",
        "..%2f..%2f",
    ):
        answer = Client().get(f"/m/{forged}/basket/")
        assert answer.status_code == 404, forged
        assert "Location" not in answer
    assert saleor.looks == []


def test_somebody_elses_token_leads_to_their_basket_alone(
    basket: Basket, saleor: Asked, play: Play
) -> None:
    """A token is of one mail: swapping tokens swaps baskets, and mixing them breaks them."""
    other = play.basket(play.shopper("other", account=False), "b2")
    play.clock.forward(minutes=45)
    settle()
    first, second = (str(sent.body) for sent in mail.outbox)
    paths = [
        urlsplit(next(word for word in text.split() if "/basket/" in word)).path
        for text in (first, second)
    ]
    where = [Client().get(path)["Location"] for path in paths]
    assert [basket.id.rstrip("=") in where[0], other.id.rstrip("=") in where[1]] == [True, True]
    assert other.id.rstrip("=") not in where[0]


@pytest.mark.parametrize(
    "more",
    [
        "?next=https://evil.example/",
        "?url=//evil.example&checkout=x",
        "//evil.example/",
        "https://evil.example/",
        "&from=mail",
        "?%0d%0aLocation:%20https://evil.example",
        "@evil.example",
    ],
)
def test_nothing_of_the_request_says_where_it_leads(
    basket: Basket, saleor: Asked, more: str
) -> None:
    plain = Client().get(link())["Location"]
    answer = Client().get(
        link() + more,
        headers={"Host": "testserver", "X-Forwarded-Host": "evil.example", "Referer": "//evil"},
    )
    assert (answer.status_code, answer["Location"]) == (302, plain)
    assert "evil" not in str(answer.headers)


def test_a_line_break_in_the_address_is_no_address(basket: Basket, saleor: Asked) -> None:
    answer = Client().get(link() + "%0d%0aLocation:%20https://evil.example")
    assert answer.status_code == 404
    assert "Location" not in answer


def test_it_follows_the_channels_own_template(basket: Basket, saleor: Asked) -> None:
    channel = Message.objects.get().channel
    Brand.objects.create(
        channel=channel,
        name="MY",
        basket_url="https://my.kedai.example/{channel}/{language}/?t={checkout_token}",
    )
    assert Client().get(link())["Location"] == (
        f"https://my.kedai.example/{channel}/ms/?t={basket.token}"
    )


@pytest.mark.parametrize("template", ["", "javascript:alert(1)", "https://{checkout_id}/"])
def test_without_a_sound_template_it_leads_to_the_shop(
    basket: Basket, saleor: Asked, template: str
) -> None:
    Brand.objects.update(basket_url=template)
    assert Client().get(link())["Location"] == "https://kedai.example"
    Brand.objects.update(website_url="")
    assert Client().get(link()).status_code == 410


def test_the_promise_is_the_mails_not_the_drafts(basket: Basket, saleor: Asked) -> None:
    """A mail whose content is not kept any more promises nothing."""
    MessageContent.objects.all().delete()
    assert Client().get(link()).status_code == 302
    assert saleor.vouchers == []
