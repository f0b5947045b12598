"""What a shop owner does in the Studio, in a real Chromium."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from saleor_automation import clock
from saleor_automation.conf import conf
from saleor_automation.delivery.links import links_for
from saleor_automation.emails.models import EmailVersion
from saleor_automation.people.models import Contact, Suppression
from saleor_automation.people.verification.policy import Action
from saleor_automation.people.verification.services import addresses_verify, policy_choices
from saleor_automation.people.verification.verdicts import Reason
from saleor_automation.sequences.models import SequenceSwitch, SequenceVersion
from saleor_automation.studio.pages import EmailPage
from saleor_automation.studio.sequences import Sequence
from saleor_automation.studio.starter.loader import starter_id
from tests.studio.helpers import email_version, sent_message

pytestmark = pytest.mark.browser


def publish(page: Any) -> None:
    """Choose Publish in the editor's footer."""
    page.locator("footer [data-w-dropdown-target=toggle]").first.click()
    page.locator("button[name=action-publish]").first.click()
    page.wait_for_selector(".messages .success")


def test_the_overview_shows_what_runs(page: Any, screenshot: Any) -> None:
    overview = page.locator(".sa-overview")
    assert overview.get_by_text("Welcome", exact=True).is_visible()
    assert overview.get_by_text("Abandoned checkout").is_visible()
    assert overview.get_by_text("After the purchase").is_visible()
    screenshot(page, "overview")


def test_a_wait_is_changed_and_published(page: Any, screenshot: Any) -> None:
    key = starter_id("sequence", "welcome")
    page.get_by_role("link", name="Welcome", exact=True).click()
    page.wait_for_selector(".sa-strip")
    screenshot(page, "sequence")
    first = page.locator("input[name='steps-1-value-amount']")
    assert page.locator("input[name$=-value-amount]").count() == 4
    if not first.is_visible():
        panel = page.locator("section[data-panel]", has=first).last
        panel.locator("[data-panel-toggle]").first.click()
    first.fill("3")
    publish(page)
    version = SequenceVersion.objects.get(sequence=key, is_current=True)
    assert version.number == 2
    assert version.graph["nodes"][str(starter_id("wait", "welcome", 1))]["minutes"] == 3 * 24 * 60
    screenshot(page, "sequence-published")


def test_the_flow_is_shown_beside_the_form(page: Any, screenshot: Any) -> None:
    sequence = Sequence.objects.get(key=starter_id("sequence", "basket"))
    page.goto(f"/studio/automation/sequences/edit/{sequence.pk}/")
    page.get_by_role("button", name="Toggle preview").click()
    frame = page.frame_locator("iframe[title]").first
    frame.get_by_text("A basket is left").wait_for()
    assert frame.locator(".box--send").count() == 3
    page.wait_for_timeout(1000)
    screenshot(page, "sequence-flow")


def test_a_wait_of_one_is_counted_right(page: Any) -> None:
    sequence = Sequence.objects.get(key=starter_id("sequence", "basket"))
    page.goto(f"/studio/automation/sequences/edit/{sequence.pk}/")
    page.locator("input[name='steps-0-value-amount']").wait_for(state="attached")
    headings = page.locator("[data-panel-heading-text]").all_inner_texts()
    summaries = " | ".join(headings)
    assert "1 hour" in summaries
    assert "1 hours" not in summaries
    assert "23 hours" in summaries


def test_a_condition_offers_what_fits_its_fact(page: Any, screenshot: Any) -> None:
    sequence = Sequence.objects.get(key=starter_id("sequence", "basket"))
    page.goto(f"/studio/automation/sequences/edit/{sequence.pk}/")
    fact = page.locator("select[name='exits-0-value-fact']")
    op = page.locator("select[name='exits-0-value-op']")
    value = page.locator("input[name='exits-0-value-value']")
    page.locator("section[data-panel]", has=fact).last.locator("[data-panel-toggle]").first.click()
    fact.wait_for()
    assert op.input_value() == "is_true"
    assert not value.is_visible()
    fact.select_option("contact.orders")
    assert op.input_value() == "eq"
    assert value.is_visible()
    assert op.locator("option[value=is_true]").is_disabled()
    fact.scroll_into_view_if_needed()
    screenshot(page, "condition")
    # What is asked of nothing and cannot look back offers neither.
    of = page.locator("input[name='exits-0-value-of']")
    days = page.locator("input[name='exits-0-value-days']")
    fact.select_option("contact.days_unseen")
    assert not of.is_visible()
    assert not days.is_visible()
    fact.select_option("contact.spent")
    assert of.is_visible()
    assert days.is_visible()
    of.fill("MYR")
    days.fill("90")
    screenshot(page, "condition-of-and-days")
    # What was written stays to be seen, and taken out again.
    fact.select_option("contact.language")
    assert of.is_visible()


def test_a_sequence_is_paused_after_a_question(page: Any, screenshot: Any) -> None:
    sequence = Sequence.objects.get(key=starter_id("sequence", "welcome"))
    page.goto(f"/studio/automation/sequences/edit/{sequence.pk}/")
    page.get_by_role("link", name="Pause").click()
    page.get_by_text("5 people are inside.").wait_for()
    screenshot(page, "sequence-pause")
    page.get_by_role("button", name="Pause").click()
    page.wait_for_selector(".messages .success")
    assert SequenceSwitch.objects.get(sequence=sequence.key).state == "paused"


def test_an_email_is_edited_previewed_and_published(page: Any, screenshot: Any) -> None:
    email = EmailPage.objects.get(slug="welcome-hello", locale__language_code="en")
    page.goto(f"/studio/pages/{email.pk}/edit/")
    heading = page.locator("input[name='body-0-value-text']")
    heading.fill("How good to see you")
    page.get_by_role("button", name="Toggle preview").click()
    frame = page.frame_locator("iframe[title]").first
    frame.get_by_text("How good to see you").first.wait_for()
    page.wait_for_timeout(1000)
    screenshot(page, "email-preview")
    publish(page)
    version = EmailVersion.objects.get(
        email_key=email.translation_key, language="en", is_current=True
    )
    assert "How good to see you" in version.html


def test_the_inbox_shows_mails_and_why_one_was_not_sent(page: Any, screenshot: Any) -> None:
    page.goto("/studio/automation/mails/")
    assert page.get_by_text("Placed an order.").is_visible()
    screenshot(page, "inbox")
    page.locator("tr", has_text="aisyah@example.com").locator("a").first.click()
    mail = page.frame_locator(".sa-mail iframe")
    mail.get_by_text("Good to have you here").first.wait_for()
    screenshot(page, "mail-html")
    page.get_by_role("tab", name="Text").click()
    page.locator("#tab-text pre").wait_for()
    screenshot(page, "mail-text")
    page.get_by_role("tab", name="Source").click()
    page.locator("#tab-source pre", has_text="Message-ID").wait_for()
    screenshot(page, "mail-source")


def test_other_pages_open(page: Any, screenshot: Any) -> None:
    for path, words, name in (
        ("/studio/automation/sequences/", "People inside", "sequences"),
        ("/studio/automation/sending/", "Who gets marketing mail", "sending"),
        ("/studio/automation/not-understood/", "It is not JSON.", "faults"),
        ("/studio/automation/brands/", "Kertas & Co", "brands"),
    ):
        page.goto(path)
        assert page.get_by_text(words).first.is_visible(), path
        screenshot(page, name)


def test_what_is_sent_to_doubtful_addresses_is_chosen(page: Any, screenshot: Any) -> None:
    addresses_verify(
        addresses=["a@gmial.com", "b@mailinator.com", "info@kertas.example", "nonsense"],
        now=clock.now(),
    )
    page.goto("/studio/automation/addresses/")
    assert page.get_by_text("It is not written as an email address.").is_visible()
    page.get_by_label("Role address").select_option(label="Send everything")
    screenshot(page, "addresses")
    page.get_by_role("button", name="Save").click()
    page.wait_for_selector(".messages .success")
    assert policy_choices()[Reason.ROLE] is Action.SEND


def test_the_links_of_a_mail_in_the_browser_open_and_work(page: Any, live_server: Any) -> None:
    """What is sandboxed is the mail; the pages its links open are like any others."""
    person = Contact.objects.get(email="aisyah@example.com")
    version = email_version(
        html="<p>Hello</p><a target='_blank' href='{{ links.unsubscribe }}'>Unsubscribe</a>"
        "<a target='_blank' href='{{ basket.url }}'>Basket</a>"
    )
    pk = uuid.uuid4()
    paths = {
        name: live_server.url + address.removeprefix(conf().public_url)
        for name, address in links_for(contact_id=person.pk, message_id=pk).items()
    }
    basket = "https://kertas.example/checkout?checkout=1"
    context = {"links": paths, "basket": {"url": basket}, "contact": {"first_name": "Aisyah"}}
    sent_message(version, context=context, pk=pk, contact=person)
    page.context.route(
        "https://kertas.example/**",
        lambda route: route.fulfill(
            content_type="text/html",
            headers={"Cross-Origin-Opener-Policy": "same-origin"},
            body="<p>-</p><script>document.querySelector('p').textContent = 'Paid'</script>",
        ),
    )
    page.goto(paths["view"])
    with page.expect_popup() as opened:
        page.get_by_role("link", name="Basket").click()
    opened.value.get_by_text("Paid").wait_for()
    with page.expect_popup() as opened:
        page.get_by_role("link", name="Unsubscribe").click()
    opened.value.get_by_role("button", name="Unsubscribe").click()
    opened.value.get_by_text("You are unsubscribed").wait_for()
    assert Suppression.objects.get().reason == Suppression.Reason.UNSUBSCRIBED
