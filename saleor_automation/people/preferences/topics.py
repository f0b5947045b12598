"""The shop's topics in somebody's language, and the way a contact's words about them add up.

Knows topics and the ledger's states. Must not know pages.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from saleor_automation.conf import conf
from saleor_automation.people.consent import consent_states, suppressed
from saleor_automation.people.models import Contact, Suppression

from .models import Topic


@dataclass(frozen=True, slots=True)
class TopicWords:
    """A topic as one person reads it."""

    key: str
    name: str
    description: str = ""


def topics_offered(language: str) -> list[TopicWords]:
    """Return what people may choose, in the shop's order, in a language where there is one."""
    return [topic_words(topic, language) for topic in Topic.objects.filter(offered=True)]


def topic_words(topic: Topic, language: str) -> TopicWords:
    """Return a topic's words: exact language, base, the default, any; its key when it has none."""
    wanted = language.replace("_", "-").lower()
    texts = {code.lower(): text for code, text in topic.texts.items() if text.get("name")}
    for code in (wanted, wanted.split("-")[0], conf().default_language.lower(), *sorted(texts)):
        if code in texts:
            text = texts[code]
            return TopicWords(topic.key, text["name"], text.get("description", ""))
    return TopicWords(topic.key, topic.key.replace("-", " ").replace("_", " ").capitalize())


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a person wants mail about at this moment."""

    #: Their "no" to everything stands.
    nothing: bool
    #: Keys of the topics that are on; empty while ``nothing`` is true.
    topics: frozenset[str]
    #: Keys of those they said no to one by one; that "no" outlives one to everything.
    refused: frozenset[str] = frozenset()
    #: Whatever they want: the address bounced, complained, or was blocked by the shop.
    blocked: bool = False


def wanted_of(contact: Contact, keys: Iterable[str], *, silence_is_yes: bool) -> Wanted:
    """Return which of some topics a contact gets, in any channel.

    ``silence_is_yes``: the shop writes to people who never said anything.
    """
    blocks = [row for row in suppressed([contact])[contact.pk] if not row.channel]
    own = [row for row in blocks if row.reason == Suppression.Reason.UNSUBSCRIBED]
    hard = any(row not in own and not row.topic for row in blocks)
    state = consent_states([contact.pk])[contact.pk]
    blocked = {row.topic for row in own}
    said = {key: state.allows(key, "") for key in keys}
    on = frozenset(
        key
        for key, word in said.items()
        if key not in blocked and (silence_is_yes if word is None else word)
    )
    general = state.allows("", "")
    nothing = "" in blocked or (not on and general is False)
    refused = frozenset(key for key in said if key in blocked)
    return Wanted(nothing, frozenset() if nothing else on, refused, hard)
