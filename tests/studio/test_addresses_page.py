"""The page on doubtful addresses, and what a mail's page says of its address."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from saleor_automation.people.verification.models import AddressPolicy
from saleor_automation.people.verification.policy import DEFAULTS, Action
from saleor_automation.people.verification.services import (
    addresses_verify,
    history_record,
    policy_choices,
)
from saleor_automation.people.verification.verdicts import Reason
from saleor_automation.people.verification.words import SENTENCES

from .helpers import NOW, contact, email_version, message, sent_message, user_with

pytestmark = pytest.mark.django_db


def page_text(client: Client) -> str:
    response = client.get(reverse("automation_addresses:index"))
    assert response.status_code == 200
    return " ".join(response.content.decode().split())


def test_an_empty_page_says_when_there_will_be_something(admin_client: Client) -> None:
    text = page_text(admin_client)
    assert "None yet." in text
    assert "<th>Verdict</th>" not in text
    assert "Domains are not asked whether they take mail" in text
    for reason in DEFAULTS:
        assert f'name="{reason.value}"' in text


def test_the_notice_goes_where_the_dns_is_asked(admin_client: Client, settings: Any) -> None:
    settings.SALEOR_AUTOMATION = {**settings.SALEOR_AUTOMATION, "verification_dns": True}
    assert "Domains are not asked" not in page_text(admin_client)


def test_counts_stand_by_verdict_and_reason_with_a_sentence(admin_client: Client) -> None:
    addresses_verify(
        addresses=["a@mailinator.com", "b@mailinator.com", "nonsense", "a@shop.example"], now=NOW
    )
    text = page_text(admin_client)
    rows = text.partition("<th>Verdict</th>")[2].split("<tr>")[1:]
    assert [("risky" in row, "undeliverable" in row, "unknown" in row) for row in rows] == [
        (True, False, False),
        (False, True, False),
        # The last one's domain was not asked: nothing was found, and nothing is kept.
    ]
    assert '<td class="sa-number">2</td>' in rows[0]
    assert str(SENTENCES[Reason.DISPOSABLE]) in rows[0]


def test_the_choices_are_kept(admin_client: Client) -> None:
    chosen = {reason.value: action.value for reason, action in DEFAULTS.items()}
    url = reverse("automation_addresses:index")
    response = admin_client.post(url, {**chosen, "role": "send"})
    assert response.headers["Location"] == url
    assert policy_choices() == {**DEFAULTS, Reason.ROLE: Action.SEND}
    assert AddressPolicy.objects.get().choices == {"role": "send"}
    assert '<option value="send" selected>' in page_text(admin_client)
    refused = admin_client.post(url, {**chosen, "role": "explode"})
    assert refused.status_code == 200
    assert policy_choices()[Reason.ROLE] is Action.SEND


def test_it_is_for_those_who_may_change_sending(client: Client) -> None:
    url = reverse("automation_addresses:index")
    client.force_login(user_with("reader", "view_message"))
    assert client.get(url).status_code == 302
    client.force_login(user_with("sender", "change_sendingcontrol"))
    assert client.get(url).status_code == 200
    assert "automation/addresses" in client.get(reverse("wagtailadmin_home")).content.decode()


def test_a_mails_page_says_what_is_known_of_its_address(admin_client: Client) -> None:
    mail = sent_message(email_version())
    url = reverse("automation_mails:detail", args=[mail.pk])
    assert "About the address" not in admin_client.get(url).content.decode()
    history_record(address=mail.to_address, now=NOW, hard_bounce_at=NOW)
    text = admin_client.get(url).content.decode()
    assert "About the address" in text
    assert "Undeliverable. A mail came back: there is no such mailbox." in text


def test_a_persons_page_says_what_is_known_of_their_address(admin_client: Client) -> None:
    person = contact("aina@gmial.com")
    url = reverse("automation_people:detail", args=[person.pk])
    assert "About the address" not in admin_client.get(url).content.decode()
    addresses_verify(addresses=[person.email], now=NOW)
    text = admin_client.get(url).content.decode()
    assert "looks like a misspelt well-known provider" in text
    assert "Probably meant: @gmail.com." in text


def test_why_a_mail_did_not_go_reads_as_a_sentence(admin_client: Client) -> None:
    message(state="skipped", reason="address:nxdomain")
    text = admin_client.get(reverse("automation_mails:index")).content.decode()
    assert "The address&#x27;s domain does not exist." in text
