"""What people open from a mail or the shop, in a real browser, wide and narrow."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from saleor_automation import clock
from saleor_automation.delivery.confirming import confirm_address, confirmations_plan
from saleor_automation.delivery.links import links_for
from saleor_automation.delivery.models import Message, SendingControl
from saleor_automation.people.models import Contact
from saleor_automation.people.preferences.models import Topic
from saleor_automation.people.services import contact_subscribed
from saleor_automation.people.subscribing.models import SubscriptionRequest

WIDTHS = [1300, 390]


@pytest.fixture(params=WIDTHS)
def visitor(request: Any, browser: Any, live_server: Any, shop: None) -> Iterator[Any]:
    """Somebody without a login, at a desk and with a phone."""
    context = browser.new_context(
        base_url=live_server.url,
        viewport={"width": request.param, "height": 900},
        locale="en-GB",
        java_script_enabled=False,
    )
    context.set_default_timeout(20_000)
    opened = context.new_page()
    opened.width = request.param
    yield opened
    context.close()


@pytest.fixture
def aisyah(shop: None) -> Contact:
    SendingControl.objects.update_or_create(
        pk=1, defaults={"consent_policy": SendingControl.Policy.SOFT_OPT_IN}
    )
    return Contact.objects.get(first_name="Aisyah")


def path(contact: Contact, name: str) -> str:
    message = Message.objects.filter(contact=contact, state="accepted").get()
    url = links_for(contact_id=contact.pk, message_id=message.pk)[name]
    return "/" + url.split("/", 3)[3]


@pytest.fixture
def fits(screenshot: Any) -> Any:
    def look(page: Any, name: str) -> None:
        """Keep a picture of the whole page; nothing may stand beside it."""
        page.set_viewport_size({"width": page.width, "height": 900})
        box = page.locator("main").bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= page.width
        for part in page.locator("main *:visible").all():
            inner = part.bounding_box()
            if inner and inner["x"] >= 0:
                assert inner["x"] + inner["width"] <= page.width + 1, part.inner_text()
        page.set_viewport_size({"width": page.width, "height": int(box["height"]) + 200})
        screenshot(page, f"public-{name}-{page.width}")
        page.set_viewport_size({"width": page.width, "height": 900})

    return look


def test_preferences_are_chosen_saved_and_undone(visitor: Any, aisyah: Contact, fits: Any) -> None:
    visitor.goto(path(aisyah, "preferences"))
    fits(visitor, "preferences")
    visitor.get_by_label("Your basket").uncheck()
    visitor.get_by_label("30 days from today").check()
    visitor.get_by_label("At most one mail a week").check()
    visitor.get_by_role("button", name="Save").click()
    told = visitor.get_by_role("status")
    assert "You get no mails about: Your basket." in told.inner_text()
    assert not visitor.get_by_label("Your basket").is_checked()
    fits(visitor, "preferences-saved")
    assert contact_subscribed(contact=aisyah, topic="baskets") is False
    time.sleep(0.01)
    visitor.get_by_role("button", name="Undo").click()
    assert "The pause is over." in visitor.get_by_role("status").inner_text()
    assert visitor.get_by_label("Your basket").is_checked()
    assert contact_subscribed(contact=aisyah, topic="baskets") is True
    time.sleep(0.01)
    visitor.get_by_role("button", name="Send me nothing at all").click()
    fits(visitor, "preferences-nothing")
    assert contact_subscribed(contact=aisyah) is False


def test_unsubscribing_and_back_again(
    visitor: Any, aisyah: Contact, fits: Any, live_server: Any
) -> None:
    visitor.goto(path(aisyah, "unsubscribe"))
    fits(visitor, "unsubscribe")
    visitor.get_by_role("button", name="Unsubscribe").click()
    fits(visitor, "unsubscribe-done")
    assert contact_subscribed(contact=aisyah) is False
    # The form leads to the Studio's own address, which here is another.
    visitor.goto(path(aisyah, "preferences"))
    visitor.get_by_role("button", name="Send me mails again").click()
    assert "You get our mails again." in visitor.get_by_role("status").inner_text()
    assert contact_subscribed(contact=aisyah) is True


def test_signing_up_and_confirming(visitor: Any, aisyah: Contact, fits: Any) -> None:
    visitor.goto("/subscribe/")
    fits(visitor, "subscribe")
    visitor.get_by_label("Your e-mail address").fill("new@shopper.example")
    visitor.get_by_label("News and offers").check()
    visitor.get_by_role("button", name="Sign up").click()
    fits(visitor, "subscribe-received")
    request = SubscriptionRequest.objects.get()
    assert request.topics == ["news"]
    assert "(en, version 0)" in request.wording
    # As the worker does.
    SubscriptionRequest.objects.update(
        state="asked",
        contact=aisyah,
        address=aisyah.email,
        expires_at=clock.now() + timedelta(days=7),
    )
    request.refresh_from_db()
    confirmations_plan(requests=[request], now=clock.now())
    address = confirm_address(Message.objects.get(source="system"))
    visitor.goto("/" + address.split("/", 3)[3])
    fits(visitor, "confirm")
    visitor.get_by_role("button", name="Yes, send me mails").click()
    fits(visitor, "confirmed")
    assert contact_subscribed(contact=aisyah, topic="news") is True


def test_the_page_in_malay(visitor: Any, aisyah: Contact, fits: Any) -> None:
    Contact.objects.filter(pk=aisyah.pk).update(language="ms")
    Topic.objects.filter(key="news").update(
        texts={"ms": {"name": "Berita", "description": "Pemberitahuan-perkhidmatan " * 8}}
    )
    visitor.goto(path(aisyah, "preferences"))
    assert visitor.locator("html").get_attribute("lang") == "ms"
    assert visitor.get_by_label("Bakul anda").is_checked()
    fits(visitor, "preferences-ms")


def test_the_studio_pages(page: Any, screenshot: Any) -> None:
    for number, where in enumerate(("", "topics/new/", "blocked/")):
        page.goto(f"/studio/automation/consent/{where}")
        page.wait_for_selector("main h2, main form")
        screenshot(page, f"studio-consent-{number}")
