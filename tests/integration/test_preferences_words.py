"""Whatever people press, in whatever order: what they chose is what they get."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta

import hypothesis
import pytest
from hypothesis import strategies as st

from saleor_automation.delivery.preferences import fields_of, wishes_read
from saleor_automation.people.models import Contact, Identity
from saleor_automation.people.preferences.services import Saved, Wishes, wishes_of, wishes_save
from saleor_automation.people.preferences.topics import TopicWords
from saleor_automation.people.services import contact_subscribed, contact_unsubscribe
from tests.proofs import times

TOPICS = [TopicWords(key, key.title()) for key in ("a", "b", "c")]
KEYS = [topic.key for topic in TOPICS]
START = datetime(2026, 11, 2, 9, tzinfo=UTC)

ACTIONS = st.one_of(
    st.tuples(st.just("save"), st.frozensets(st.sampled_from(KEYS))),
    st.tuples(st.just("off"), st.just(frozenset())),
    st.tuples(st.just("on"), st.just(frozenset())),
    st.tuples(st.just("link"), st.just(frozenset())),
    st.tuples(st.just("undo"), st.just(frozenset())),
)


def form(fields: list[tuple[str, str]]) -> object:
    from django.http import QueryDict

    data = QueryDict(mutable=True)
    for name, value in fields:
        data.appendlist(name, value)
    return data


@pytest.mark.django_db
@hypothesis.settings(max_examples=times(few=40, ci=150, full=2_000))
@hypothesis.given(silence=st.booleans(), actions=st.lists(ACTIONS, min_size=1, max_size=8))
def test_what_is_chosen_is_what_comes(
    silence: bool, actions: list[tuple[str, frozenset[str]]]
) -> None:
    # One transaction for all examples: each has a person of its own.
    address = f"{uuid.uuid4().hex}@shopper.example"
    contact = Contact.objects.create(email=address, created_at=START)
    Identity.objects.create(kind="email", value=contact.email, contact=contact, as_of=START)
    now, last = START, None
    for action, topics in actions:
        now += timedelta(seconds=1)
        before = wishes_of(contact, TOPICS, silence_is_yes=silence, now=now)
        other = contact_subscribed(contact=contact, topic="other")
        if action == "link":
            contact_unsubscribe(contact=contact, at=now)
            asked = Wishes(nothing=True)
        else:
            fields = {
                "save": [("shown", key) for key in KEYS] + [("topic", key) for key in topics],
                "off": [("everything", "off")],
                "on": [("everything", "on")],
                "undo": fields_of(last.before, TOPICS) if last is not None else [],
            }[action]
            asked = wishes_read(form(fields), before, TOPICS, now=now)
            saved: Saved = wishes_save(
                contact=contact, asked=asked, topics=TOPICS, silence_is_yes=silence, now=now
            )
            if action != "undo":
                last = saved
        after = wishes_of(contact, TOPICS, silence_is_yes=silence, now=now)
        note = (action, sorted(topics), before, after)
        # The page shows what was asked for, and mails follow it.
        assert after.topics == asked.topics, note
        for key in KEYS:
            gets = contact_subscribed(contact=contact, topic=key)
            assert (silence if gets is None else gets) is (key in after.topics), note
        if asked.nothing or (before.topics and not asked.topics):
            assert after.nothing, note
            assert contact_subscribed(contact=contact, topic="other") is False, note
        # What nobody was shown is never turned on by choosing something else.
        all_asked = asked.everything or set(KEYS) <= asked.topics
        if other is False and not all_asked:
            assert contact_subscribed(contact=contact, topic="other") is False, note
        if action == "undo" and last is not None:
            assert after.topics == last.before.topics, note
            assert after.nothing or not last.before.nothing, note
        # The same again says nothing new.
        if action != "link":
            again = wishes_save(
                contact=contact,
                asked=Wishes(nothing=after.nothing, topics=after.topics),
                topics=TOPICS,
                silence_is_yes=silence,
                now=now + timedelta(milliseconds=1),
            )
            assert again.changes == (), note
