"""What staff enters for a person, and takes back when it was a mistake."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from saleor_automation.people.consent import STAFF
from saleor_automation.people.models import (
    Consent,
    ConsentWriteBack,
    Contact,
    Identity,
    Suppression,
)
from saleor_automation.people.services import (
    consent_record,
    contact_retract,
    contact_subscribed,
    contact_unsubscribe,
)
from tests.recorded import NOW

pytestmark = pytest.mark.django_db


@pytest.fixture
def person() -> Contact:
    made = Contact.objects.create(email="a@example.com", created_at=NOW)
    Identity.objects.create(kind="email", value="a@example.com", contact=made, as_of=NOW)
    return made


def at(hours: int) -> datetime:
    return NOW + timedelta(hours=hours)


def test_what_stood_before_the_mistake_stands_again(person: Contact) -> None:
    for before in (None, True):
        if before:
            consent_record(contact=person, state="granted", source="checkout", at=at(0))
        contact_unsubscribe(contact=person, at=at(1), source=STAFF)
        assert contact_subscribed(contact=person) is False
        assert contact_retract(contact=person, at=at(2)) is True
        assert contact_subscribed(contact=person) is before
        Consent.objects.all().delete()


def test_their_own_no_before_it_stays(person: Contact) -> None:
    contact_unsubscribe(contact=person, at=at(0))
    contact_unsubscribe(contact=person, at=at(1), source=STAFF)
    assert contact_retract(contact=person, at=at(2)) is True
    assert contact_subscribed(contact=person) is False
    assert Suppression.objects.count() == 1


def test_their_own_no_after_it_stays(person: Contact) -> None:
    contact_unsubscribe(contact=person, at=at(0), source=STAFF)
    contact_unsubscribe(contact=person, at=at(1))
    assert contact_retract(contact=person, at=at(2)) is False
    assert contact_subscribed(contact=person) is False


def test_a_no_after_the_mistake_counts(person: Contact) -> None:
    contact_unsubscribe(contact=person, at=at(0), source=STAFF)
    contact_retract(contact=person, at=at(1))
    contact_unsubscribe(contact=person, at=at(2), source=STAFF)
    assert contact_subscribed(contact=person) is False
    assert contact_retract(contact=person, at=at(3)) is True
    assert contact_subscribed(contact=person) is None


def test_nothing_is_taken_back_twice(person: Contact) -> None:
    contact_unsubscribe(contact=person, at=at(0), source=STAFF)
    assert contact_retract(contact=person, at=at(1)) is True
    assert contact_retract(contact=person, at=at(2)) is False
    assert Consent.objects.count() == 2


def test_what_was_not_written_to_saleor_yet_is_not_written(person: Contact, settings: Any) -> None:
    Identity.objects.create(kind="saleor_user", value="VXNlcjox", contact=person, as_of=NOW)
    contact_unsubscribe(contact=person, at=at(0), source=STAFF)
    assert ConsentWriteBack.objects.get().state == ConsentWriteBack.State.PENDING
    contact_retract(contact=person, at=at(1))
    assert ConsentWriteBack.objects.get().state == ConsentWriteBack.State.NEEDLESS
