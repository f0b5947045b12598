"""The first page, the sending settings, and who may open what."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from saleor_automation.delivery.models import SendingControl
from saleor_automation.emails.models import Brand
from saleor_automation.people.importing.models import ContactImport
from saleor_automation.people.preferences.models import Topic
from saleor_automation.people.segments.services import segment_save
from saleor_automation.privacy.models import DataRequest
from saleor_automation.saleor_app.models import Watermark
from saleor_automation.studio.pages import EmailIndexPage
from saleor_automation.studio.sequences import Sequence
from saleor_automation.studio.starter import starter_load
from saleor_automation.studio.viewsets import AutomationGroup

from .helpers import (
    NOW,
    contact,
    email_version,
    fault,
    sent_message,
    standing_at,
    user_with,
    waiting_sequence,
)

pytestmark = pytest.mark.django_db

HOME = "wagtailadmin_home"


def test_an_empty_studio_says_how_to_begin(admin_client: Client) -> None:
    page = admin_client.get(reverse(HOME)).content.decode()
    assert "There is no sequence yet" in page
    assert "No sender is chosen" in page


def test_the_overview_counts_people_and_mails(admin_client: Client) -> None:
    from saleor_automation import clock

    sequence = waiting_sequence()
    node = next(iter(sequence.graph()["nodes"]))
    standing_at(sequence, node, contact(), "user-1")
    version = email_version()
    sent_message(version, sequence=sequence.key, handed_over_at=clock.now())
    sent_message(version, sequence=sequence.key)  # long ago
    fault()
    page = admin_client.get(reverse(HOME))
    text = " ".join(page.content.decode().split())
    assert "Patience" in text
    assert "<b>1</b><span>people inside a sequence</span>" in text
    assert "<b>1</b><span>mails sent in the last 7 days</span>" in text
    assert '<td class="sa-number">2</td>' in text
    assert "One thing the shop sent was not understood." in text


def test_a_published_sequence_that_no_longer_compiles_is_reported(admin_client: Client) -> None:
    sequence = waiting_sequence()
    sequence.steps = []
    sequence.save_revision().publish()
    assert "Add at least one step." in admin_client.get(reverse(HOME)).content.decode()


def test_the_sending_page_writes_the_control(admin_client: Client) -> None:
    page = reverse("automation_sending:index")
    assert "Mail does not leave at the moment." in admin_client.get(page).content.decode()
    admin_client.post(page, {"paused": "on", "consent_policy": "opt_in"})
    control = SendingControl.objects.get()
    assert (control.paused, control.consent_policy) == (True, "opt_in")
    admin_client.post(page, {"consent_policy": "soft_opt_in"})
    control.refresh_from_db()
    assert (control.paused, control.consent_policy) == (False, "soft_opt_in")


def test_confirming_binds_sending_to_this_installation(admin_client: Client) -> None:
    page = reverse("automation_sending:index")
    admin_client.post(page, {"action": "bind"})
    control = SendingControl.objects.get()
    assert control.bound_environment == "tests"
    assert control.bound_host == "studio.example"
    assert "Sending was confirmed for" in admin_client.get(page).content.decode()


def test_a_policy_that_does_not_exist_is_refused(admin_client: Client) -> None:
    page = reverse("automation_sending:index")
    response = admin_client.post(page, {"consent_policy": "everybody"})
    assert response.status_code == 200
    assert SendingControl.objects.get().consent_policy == ""


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("color_primary", "green", "six digits"),
        ("color_text", "#12345g", "six digits"),
        ("website_url", "ftp://paper.example", "https://"),
        ("basket_url", "paper.example/checkout", "https://"),
        ("basket_url", "javascript:alert(1)", "https://"),
        ("basket_url", "https://paper.example/?c={checkout}", "{checkout_token}"),
        ("basket_url", "https://paper.example/?c={checkout_id", "{checkout_token}"),
    ],
)
def test_a_brand_holds_nothing_that_breaks_a_mail(
    admin_client: Client, field: str, value: str, says: str
) -> None:
    brand = Brand.objects.create(name="Paper & Co")
    edit = reverse(Brand.snippet_viewset.get_url_name("edit"), args=[brand.pk])
    initial = admin_client.get(edit).context["form"].initial
    data = {name: one for name, one in initial.items() if one is not None}
    response = admin_client.post(edit, {**data, field: value})
    (problem,) = response.context["form"].errors[field]
    assert says in problem
    good = {
        "website_url": "https://paper.example",
        "basket_url": "https://paper.example/{channel}/?c={checkout_id}&l={language}",
        "color_text": "#ABCDEF",
    }
    assert admin_client.post(edit, {**data, **good}).status_code == 302


def test_a_brand_is_edited_in_the_studio(admin_client: Client) -> None:
    brand = Brand.objects.create(name="Paper & Co")
    edit = reverse(Brand.snippet_viewset.get_url_name("edit"), args=[brand.pk])
    page = admin_client.get(edit)
    data = {
        name: value for name, value in page.context["form"].initial.items() if value is not None
    }
    response = admin_client.post(edit, {**data, "from_email": "hello@paper.example"})
    assert response.status_code == 302
    brand.refresh_from_db()
    assert brand.from_email == "hello@paper.example"


#: What changes something is no page.
POST_ALONE = ("/no/", "/undo/", "/note/", "/decline/")


def own_urls() -> list[str]:
    """Return the address of every view in the Automation menu."""
    arguments = {
        "pk": {
            "automation_mails": sent_message(email_version()).pk,
            "automation_faults": fault().pk,
            "automation_people": contact("somebody@example.com").pk,
            "automation_privacy": DataRequest.objects.create(
                kind="access", message=uuid.uuid4(), asked_at=NOW
            ).pk,
            "automation_consent": Topic.objects.create(key="news").pk,
            "automation_segments": segment_save(
                name="Known",
                condition={"fact": "contact.days_known", "op": "gte", "value": 0},
                now=NOW,
            ).pk,
        },
        "number": {
            "automation_people": ContactImport.objects.create(
                name="people.csv", header=["email"], created_at=NOW
            ).pk,
        },
    }
    urls = []
    for viewset in AutomationGroup().registerables:
        for pattern in viewset.get_urlpatterns():
            space = viewset.url_namespace
            if not space.startswith("automation_"):
                continue
            wanted = pattern.pattern.converters
            args = {name: arguments[name][space] for name in wanted}
            urls.append(reverse(f"{space}:{pattern.name}", kwargs=args))
    sequence = waiting_sequence()
    brand = Brand.objects.create(name="Paper & Co", channel="other")
    for model, pk in ((Sequence, sequence.pk), (Brand, brand.pk)):
        name = model.snippet_viewset.get_url_name
        urls += [reverse(name("list")), reverse(name("add"))]
        urls += [reverse(name("edit"), args=[pk]), reverse(name("delete"), args=[pk])]
    urls.append(reverse(Sequence.snippet_viewset.get_url_name("switch"), args=[sequence.pk, "on"]))
    return urls


def test_every_page_is_refused_to_who_may_only_log_in(client: Client) -> None:
    urls = own_urls()
    assert len(urls) >= 22
    client.force_login(user_with("guest"))
    home = client.get(reverse(HOME)).content.decode()
    assert "sa-overview" not in home
    assert "automation/mails" not in home
    for address in urls:
        for method in (client.get, client.post):
            response = method(address)
            # Wagtail answers a refusal with a way back to the first page.
            assert response.status_code == 302, address
            assert response.headers["Location"] == reverse(HOME), address


def test_every_page_is_closed_to_strangers(client: Client) -> None:
    for address in own_urls():
        response = client.get(address)
        assert response.status_code == 302, address
        assert response.headers["Location"].startswith(reverse("wagtailadmin_login")), address


def test_every_page_opens_for_an_administrator(admin_client: Client) -> None:
    mail = sent_message(email_version())
    for address in own_urls():
        if str(mail.pk) in address or address.endswith(".eml"):
            continue
        # "Emails" leads to Wagtail's own page of the folder.
        status = admin_client.get(address, follow=True).status_code
        assert status == (405 if address.endswith(POST_ALONE) else 200), address


@pytest.mark.parametrize(
    ("permission", "allowed", "refused"),
    [
        ("view_message", "automation_mails:index", "automation_faults:index"),
        ("view_rawevent", "automation_faults:index", "automation_sending:index"),
        ("change_sendingcontrol", "automation_sending:index", "automation_mails:index"),
    ],
)
def test_one_permission_opens_one_page(
    client: Client, permission: str, allowed: str, refused: str
) -> None:
    client.force_login(user_with("clerk", permission))
    assert client.get(reverse(allowed)).status_code == 200
    assert client.get(reverse(refused)).status_code == 302
    assert "sa-overview" in client.get(reverse(HOME)).content.decode()


def test_the_menu_leads_to_the_emails(admin_client: Client) -> None:
    starter_load(now=NOW)
    page = admin_client.get(reverse("automation_emails:index"), follow=True).content.decode()
    assert "There is no site set up for this location" not in page
    folder = EmailIndexPage.objects.get(locale__language_code="en")
    response = admin_client.get(reverse("automation_emails:index"))
    assert response.headers["Location"] == reverse("wagtailadmin_explore", args=[folder.pk])


def test_the_studio_says_its_name(admin_client: Client, client: Client, settings: Any) -> None:
    settings.WAGTAIL_SITE_NAME = "Kedai Mail"
    assert "- Kedai Mail</title>" in admin_client.get(reverse(HOME)).content.decode()
    login = Client().get(reverse("wagtailadmin_login")).content.decode()
    assert "Sign in to Kedai Mail" in login
    assert "Wagtail</title>" not in login


def test_the_default_brand_cannot_be_deleted(admin_client: Client) -> None:
    default = Brand.objects.create(name="Paper & Co")
    other = Brand.objects.create(name="Other", channel="other")
    delete = Brand.snippet_viewset.get_url_name("delete")
    refused = admin_client.post(reverse(delete, args=[default.pk]), follow=True)
    assert "The default brand cannot be deleted" in refused.content.decode()
    admin_client.post(reverse(delete, args=[other.pk]))
    assert [brand.name for brand in Brand.objects.all()] == ["Paper & Co"]


def test_the_permissions_can_be_granted_to_a_group(admin_client: Client) -> None:
    page = admin_client.get(reverse("wagtailusers_groups:add")).content.decode()
    for words in ("message", "received event", "sending"):
        assert words in page.lower()


def test_the_overview_says_when_the_shop_was_looked_through(admin_client: Client) -> None:
    assert "Looked through the shop" not in admin_client.get(reverse(HOME)).content.decode()
    Watermark.objects.create(
        source="poll", kind="orders", finished_at=NOW, looked_at=40, new=2, known=38
    )
    text = " ".join(admin_client.get(reverse(HOME)).content.decode().split())
    assert '<details class="sa-missed">' in text
    assert "40 looked at, 2 new, 0 faults" in text
    Watermark.objects.create(source="poll", kind="customers", problem="Saleor is down & out.")
    text = admin_client.get(reverse(HOME)).content.decode()
    assert '<details class="sa-missed" open>' in text
    assert "Saleor is down &amp; out." in text
