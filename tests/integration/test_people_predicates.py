"""One language, asked twice: of rows in memory and of the database. They must agree."""

from __future__ import annotations

import random
import uuid
from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from saleor_automation.delivery.models import Message
from saleor_automation.exceptions import CompileError
from saleor_automation.inbox.models import Event, EventKey
from saleor_automation.people.figures import figures_refresh
from saleor_automation.people.models import Contact, Trait, TraitType
from saleor_automation.people.predicates.finding import people_find
from saleor_automation.people.predicates.language import (
    FACTS,
    LONGEST,
    Kind,
    condition_asks,
    condition_holds,
    condition_parse,
)
from saleor_automation.people.predicates.values import values_load
from saleor_automation.people.segments.models import Segment, SegmentMember
from saleor_automation.people.services import consent_record
from saleor_automation.people.standings import standings_refresh
from saleor_automation.people.traits import tag_set, trait_set
from saleor_automation.shop.models import OrderLine, ShopOrder

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
POPULATIONS, CONDITIONS, PEOPLE = 25, 400, 12
FINDABLE = sorted(name for name, fact in FACTS.items() if fact.of_everybody)
#: What rows hold and conditions ask, so that they meet often.
TEXTS = ["", "en", "EN", "ms", "Größe", "İzmir", "a'b\"c", "%_", "50 % off"]
TOPICS = ["", "", "news", "News"]
SLUGS, TAGS = ["pens", "ink", "Paper"], ["vip", "Wholesale", "%"]
STATUSES = ["UNFULFILLED", "FULFILLED", "CANCELED", "EXPIRED", "DRAFT", "UNCONFIRMED"]
AGES = [
    timedelta(0),
    timedelta(hours=1),
    timedelta(days=1),
    timedelta(days=1, microseconds=-1),
    timedelta(days=7),
    timedelta(days=30, hours=5),
    timedelta(days=400),
    timedelta(days=-2),
]
MONEY = ["0", "0.1", "0.2", "0.3", "19.99", "33.3333", "100"]
TRAITS: dict[str, list[Any]] = {
    "level": [text for text in TEXTS if text],
    "size": [0, -1, "0.1", "42.5", 7],
    "member": [True, False],
    "since": [NOW - age for age in AGES],
}


def population_make(chance: random.Random, number: int) -> list[Contact]:
    """Make some people who did some things."""
    people = [
        Contact.objects.create(
            created_at=NOW - chance.choice(AGES),
            has_account=chance.random() < 0.5,
            language=chance.choice(["", "en", "ms"]),
            country=chance.choice(["", "MY", "SG", "us"]),
            channel=chance.choice(["", "malaysia", "Web"]),
        )
        for _ in range(PEOPLE)
    ]
    for index, person in enumerate(people):
        for nth in range(chance.choice([0, 0, 1, 2, 4])):
            key = f"{number}-{index}-{nth}"
            order = ShopOrder.objects.create(
                saleor_id=key,
                contact=person,
                status=chance.choice(STATUSES),
                placed_at=chance.choice([None, *(NOW - age for age in AGES)]),
                currency=chance.choice(["MYR", "SGD"]),
                total_gross=Decimal(chance.choice(MONEY)),
                refunded_gross=Decimal(chance.choice(["0", "0", "0.1"])),
            )
            for line in range(chance.randrange(3)):
                OrderLine.objects.create(
                    saleor_id=f"{key}-{line}",
                    order=order,
                    category_slug=chance.choice(SLUGS),
                    product_slug=chance.choice(SLUGS),
                )
        for nth in range(chance.randrange(4)):
            kind = chance.choice(["ordered", "basket_changed", "shipped"])
            Event.objects.create(
                key=EventKey.objects.create(kind=kind, object_id=f"{number}-{index}-{nth}"),
                kind=kind,
                contact=person,
                occurred_at=NOW - chance.choice(AGES),
                recorded_at=NOW,
                source="webhook",
            )
        for tag in chance.sample(TAGS, chance.randrange(3)):
            tag_set(contact=person, name=tag, on=chance.random() < 0.7, at=NOW)
        for name, values in TRAITS.items():
            if chance.random() < 0.6:
                trait_set(
                    contact=person, name=name, value=chance.choice(values), at=NOW, source="test"
                )
    for person in people:
        for nth in range(chance.choice([0, 0, 1, 3])):
            consent_record(
                contact=person,
                state=chance.choice(["granted", "withdrawn", "retracted"]),
                source=chance.choice(["checkout", "staff", "account"]),
                channel=chance.choice(["", "", "web"]),
                topic=chance.choice(TOPICS),
                at=NOW - chance.choice(AGES) + timedelta(seconds=nth),
                now=NOW,
            )
        for nth in range(chance.choice([0, 1, 3])):
            left = chance.random() < 0.8
            Message.objects.create(
                id=uuid.UUID(int=chance.getrandbits(128)),
                key=f"{number}-{person.pk}-{nth}",
                source="step",
                purpose=chance.choice(["marketing", "transactional"]),
                contact=person,
                email_key=uuid.UUID(int=0),
                state=chance.choice(["accepted", "ambiguous"] if left else ["failed", "planned"]),
                planned_at=NOW,
                due_at=NOW,
                handed_over_at=chance.choice([None, *(NOW - age for age in AGES)]),
            )
    for key in ("loyal", "lapsed"):
        segment, _ = Segment.objects.get_or_create(
            key=key,
            defaults={
                "condition": {"fact": "contact.days_known", "op": "gte", "value": 0},
                "created_at": NOW,
                "changed_at": NOW,
            },
        )
        for person in chance.sample(people, PEOPLE // 2):
            SegmentMember.objects.get_or_create(
                segment=segment, contact=person, defaults={"since": NOW}
            )
    ids = [person.pk for person in people]
    figures_refresh(ids, now=NOW)
    standings_refresh(ids)
    return people


def comparison(chance: random.Random) -> dict[str, Any]:
    fact = FACTS[chance.choice(FINDABLE)]
    made: dict[str, Any] = {"fact": fact.name, "op": chance.choice(fact.ops)}
    if fact.kind is Kind.INT:
        made["value"] = chance.choice(
            [-1, 0, 1, 2, 3, 6, 7, 30, 399, 400, LONGEST, 10**12, -(10**12)]
        )
    elif fact.kind is Kind.DECIMAL:
        made["value"] = chance.choice([*MONEY, "-1", "42.5", "133.3333", "99999999999999"])
    elif fact.kind is Kind.TEXT:
        several = made["op"] in {"in", "not_in"}
        words = list(fact.words) or [*TEXTS[1:], "MY", "malaysia", "web", "gold"]
        made["value"] = chance.sample(words, 2) if several else chance.choice(words)
    if fact.of is not None:
        made["of"] = chance.choice(
            {
                "contact.spent": ["MYR", "sgd", "EUR"],
                "contact.did": ["ordered", "basket_changed", "refunded"],
                "contact.tagged": [*TAGS, "nobody"],
                "contact.in_segment": ["loyal", "LAPSED", "nowhere"],
                "contact.consent": [*TOPICS, "unheard"],
                "contact.mails": ["", "marketing", "Transactional"],
                "contact.days_since_mail": ["", "marketing", "transactional"],
            }.get(fact.name, SLUGS if "bought" in fact.name else [*TRAITS, "unknown"])
        )
    if fact.windowed and chance.random() < 0.5:
        made["days"] = chance.choice([1, 7, 30, LONGEST])
    return made


def condition_make(chance: random.Random, depth: int = 3) -> dict[str, Any]:
    """Make any condition of the language."""
    kind = chance.choice(["compare", "compare", "all", "any", "not"]) if depth else "compare"
    if kind == "compare":
        return comparison(chance)
    if kind == "not":
        return {"not": condition_make(chance, depth - 1)}
    return {kind: [condition_make(chance, depth - 1) for _ in range(chance.choice([1, 2, 3]))]}


def test_the_database_finds_exactly_those_of_whom_it_holds() -> None:
    """Ten thousand conditions of random populations; the same seeds every time."""
    asked: Counter[str] = Counter()
    answers: Counter[bool] = Counter()
    for number in range(POPULATIONS):
        chance = random.Random(number)
        people = population_make(chance, number)
        for _ in range(CONDITIONS):
            data = condition_make(chance)
            condition = condition_parse(data)
            asks = condition_asks(condition)
            values = values_load(contacts=people, asks=asks, now=NOW)
            held = {pk for pk, row in values.items() if condition_holds(condition, row)}
            found = set(people_find(condition=condition, now=NOW).values_list("pk", flat=True))
            assert found == held, (number, data)
            asked.update(ask.fact for ask in asks)
            answers.update(person.pk in held for person in people)
        Contact.objects.all().delete()
        Event.objects.all().delete()
        TraitType.objects.all().delete()
        Message.objects.all().delete()
        Segment.objects.all().delete()
    # Every fact was asked, and neither answer is rare.
    assert set(asked) == set(FINDABLE)
    assert min(asked.values()) > 300
    assert min(answers.values()) > sum(answers.values()) * 0.2


def test_what_is_known_in_a_sequence_alone_finds_nobody_and_says_so() -> None:
    for name in sorted(set(FACTS) - set(FINDABLE)):
        fact = FACTS[name]
        data = {"fact": name, "op": fact.ops[0], "value": "1"}
        with pytest.raises(CompileError, match="in a sequence alone"):
            people_find(condition=condition_parse(data), now=NOW)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"fact": "contact.tagged", "op": "is_true"}, "say which tag"),
        ({"fact": "contact.orders", "op": "gte", "value": 1, "of": "x"}, "asked of nothing"),
        ({"fact": "contact.language", "op": "eq", "value": "en", "days": 3}, "cannot look back"),
        ({"fact": "contact.orders", "op": "gte", "value": 1, "days": 0}, "from 1 to"),
        ({"fact": "contact.orders", "op": "gte", "value": 1, "days": "x"}, "whole number"),
        ({"fact": "contact.number", "op": "eq", "value": "NaN", "of": "size"}, "with a number"),
        ({"fact": "contact.number", "op": "eq", "value": "1e20", "of": "size"}, "with a number"),
        ({"fact": "contact.number", "op": "eq", "value": "0.12345", "of": "size"}, "four places"),
    ],
)
def test_what_makes_no_sense_is_refused(data: dict[str, Any], words: str) -> None:
    with pytest.raises(CompileError, match=words):
        condition_parse(data)


def test_the_number_of_queries_does_not_grow_with_people(
    django_assert_max_num_queries: Any,
) -> None:
    people = population_make(random.Random(1), 1)
    asks = condition_asks(
        condition_parse(
            {
                "all": [
                    {
                        "fact": name,
                        "op": FACTS[name].ops[0],
                        "value": FACTS[name].words[0] if FACTS[name].words else "1",
                        **({"of": "level"} if FACTS[name].of else {}),
                    }
                    for name in FINDABLE
                ]
            }
        )
    )
    # A query per kind of fact, and one more for segments.
    with django_assert_max_num_queries(10):
        values_load(contacts=people, asks=asks, now=NOW)
    assert Trait.objects.exists()
