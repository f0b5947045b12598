"""Segments in the Studio: the list, the form with its preview, deleting, and who may."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from wagtail.test.utils.form_data import nested_form_data, streamfield

from saleor_automation.exceptions import CompileError
from saleor_automation.people.segments.filling import segments_fill
from saleor_automation.people.segments.models import Segment
from saleor_automation.people.segments.services import segment_save
from saleor_automation.people.traits import tag_set
from saleor_automation.sequences.models import Heartbeat, SequenceVersion
from saleor_automation.sequences.worker import EARLY
from saleor_automation.studio.conditions import condition_of, stream_of
from saleor_automation.studio.sequences import Sequence
from saleor_automation.studio.timeline import timeline

from .helpers import NOW, contact, user_with, waiting_sequence

pytestmark = pytest.mark.django_db

INDEX, ADD = "automation_segments:index", "automation_segments:add"
VIP = {"fact": "contact.tagged", "op": "is_true", "of": "vip"}


def block_of(fact: str, op: str, value: str = "", of: str = "", days: str = "") -> Any:
    return ("test", {"fact": fact, "op": op, "value": value, "of": of, "days": days})


MALAY = block_of("contact.language", "eq", "ms")


def form(*blocks: Any, name: str = "Malay speakers", **more: str) -> dict[str, Any]:
    data = nested_form_data({"name": name, "condition": streamfield(list(blocks))})
    return {**data, **more}


def at(name: str, segment: Segment) -> str:
    return reverse(f"automation_segments:{name}", args=[segment.pk])


def saved(name: str = "VIP", condition: Any = VIP) -> Segment:
    segment = segment_save(name=name, condition=condition, now=NOW)
    segments_fill(now=NOW)
    segment.refresh_from_db()
    return segment


def text(response: Any) -> str:
    return str(response.content.decode())


def test_without_segments_the_page_says_what_one_is(admin_client: Client) -> None:
    page = text(admin_client.get(reverse(INDEX)))
    assert "No segments yet." in page
    assert reverse(ADD) in page


def test_a_segment_is_written_previewed_and_saved(admin_client: Client) -> None:
    Heartbeat.objects.create(name="chore:segments_fill", at=NOW)
    for number in range(7):
        contact(f"{number}@example.com", first_name=f"M{number}", language="ms")
    contact("e@example.com", language="en")
    page = admin_client.post(reverse(ADD), form(MALAY, preview="1"))
    assert "7 of 8 people, 88 %" in text(page)
    assert text(page).count("/automation/people/") >= 5
    assert len(page.context["examples"]) == 5
    assert not Segment.objects.exists()
    # What was written is still there.
    assert "contact.language" in text(page)

    response = admin_client.post(reverse(ADD), form(MALAY))
    segment = Segment.objects.get()
    assert response["Location"] == at("edit", segment)
    assert segment.condition == {"all": [{"fact": "contact.language", "op": "eq", "value": "ms"}]}
    # The worker is told to begin at once.
    assert Heartbeat.objects.get(name="chore:segments_fill").at == EARLY
    strip = text(admin_client.get(at("progress", segment)))
    assert "data-sa-progress" in strip
    assert "Being counted: 0 %" in strip
    assert "being counted: 0 %" in text(admin_client.get(reverse(INDEX)))
    segments_fill(now=NOW)
    strip = text(admin_client.get(at("progress", segment)))
    assert "data-sa-progress" not in strip
    assert "<b>7</b>" in strip
    [row] = admin_client.get(reverse(INDEX)).context["object_list"]
    assert (row.size, row.key) == (7, "malay-speakers")


def test_groups_are_kept_as_they_were_written(admin_client: Client) -> None:
    blocks = [
        MALAY,
        ("any", streamfield([MALAY, block_of("contact.orders", "gte", "2", days="90")])),
        ("none", streamfield([block_of("contact.tagged", "is_true", of="wholesale")])),
        ("all", streamfield([("any", streamfield([MALAY]))])),
    ]
    admin_client.post(reverse(ADD), form(*blocks))
    segment = Segment.objects.get()
    malay = {"fact": "contact.language", "op": "eq", "value": "ms"}
    assert segment.condition == {
        "all": [
            malay,
            {"any": [malay, {"fact": "contact.orders", "op": "gte", "value": "2", "days": 90}]},
            {"not": {"any": [{"fact": "contact.tagged", "op": "is_true", "of": "wholesale"}]}},
            {"all": [{"any": [malay]}]},
        ]
    }
    # There and back again.
    assert condition_of(stream_of(segment.condition)) == segment.condition
    page = admin_client.get(at("edit", segment))
    assert page.context["form"]["condition"].value().get_prep_value()[2]["type"] == "none"


def test_what_code_wrote_too_deep_for_the_form_is_left_alone(admin_client: Client) -> None:
    deep = {"any": [{"any": [{"any": [{"any": [VIP]}]}]}]}
    with pytest.raises(CompileError):
        stream_of(deep)
    page = text(admin_client.get(at("edit", saved(condition=deep))))
    assert "more levels than the form" in page
    assert ">Save</button>" not in page


@pytest.mark.parametrize(
    ("block", "words"),
    [
        (block_of("contact.orders", "eq", "many"), "compared with a number"),
        (block_of("contact.tagged", "is_true"), "Say which tag."),
        (block_of("contact.in_segment", "is_true", of="nowhere"), "There is no segment"),
        (block_of("contact.consent", "eq", "perhaps"), "is one of: yes, no, unsaid"),
        (block_of("basket.items", "eq", "1"), "not one of the available choices"),
    ],
)
def test_what_makes_no_sense_is_shown_at_its_place(
    admin_client: Client, block: Any, words: str
) -> None:
    page = text(admin_client.post(reverse(ADD), form(block)))
    assert words in page
    assert "This cannot be saved yet" in page
    assert not Segment.objects.exists()


def test_a_circle_is_refused_in_words(admin_client: Client) -> None:
    first = saved("First")
    saved("Second", {"fact": "contact.in_segment", "op": "is_true", "of": "first"})
    block = block_of("contact.in_segment", "is_true", of="second")
    page = text(admin_client.post(at("edit", first), form(block, name="First")))
    assert "That goes round in a circle: “first” → “second” → “first”" in page
    assert text(admin_client.post(at("edit", first), form(name="First"))).count("missing here") == 1


def test_a_saved_segment_can_be_changed(admin_client: Client) -> None:
    segment = saved()
    admin_client.post(at("edit", segment), form(MALAY, name="Renamed"))
    segment.refresh_from_db()
    assert (segment.name, segment.key, segment.state) == ("Renamed", "vip", "filling")


def asks(key: str, **changes: Any) -> Sequence:
    rule = {"fact": "contact.in_segment", "op": "is_true", "of": key, "value": "", "days": None}
    exits = [{"type": "rule", "value": {**rule, "reason": ""}, "id": "r1"}]
    return waiting_sequence("Patience", exits=exits, **changes)


def test_deleting_names_who_asks_about_it(admin_client: Client) -> None:
    segment = saved()
    sequence = asks("vip")
    page = text(admin_client.get(at("delete", segment)))
    assert "Patience" in page
    assert "never true" in page
    assert Segment.objects.exists()
    assert sequence.name in text(admin_client.get(at("edit", segment)))
    admin_client.post(at("delete", segment))
    assert not Segment.objects.exists()
    assert admin_client.get(at("delete", segment)).status_code == 404


def test_a_sequence_starts_with_one_that_is_chosen(admin_client: Client) -> None:
    saved()
    sequence = waiting_sequence("Welcome", trigger="segment_joined", trigger_of="vip")
    edit = reverse(Sequence.snippet_viewset.get_url_name("edit"), args=[sequence.pk])
    field = admin_client.get(edit).context["form"].fields["trigger_of"]
    assert ("vip", "VIP") in field.choices
    graph = SequenceVersion.objects.get(sequence=sequence.key).graph
    assert graph["trigger"] == {"kind": "segment_joined", "quiet_minutes": 0, "of": "vip"}
    segment = Segment.objects.get()
    assert "Welcome" in text(admin_client.get(at("delete", segment)))
    segment.delete()
    field = admin_client.get(edit).context["form"].fields["trigger_of"]
    assert ("vip", "vip (deleted)") in field.choices
    assert waiting_sequence("None", trigger_of="vip").problems() == []
    sequence.trigger_of = ""
    assert sequence.problems() == ["“Starts when”: say which segment."]


def test_a_draft_that_asks_about_it_is_named_too(admin_client: Client) -> None:
    segment = saved()
    rule = {"fact": "contact.in_segment", "op": "is_true", "of": "VIP"}
    Sequence.objects.create(
        name="Half written", topic="x", exits=[{"type": "rule", "value": rule, "id": "r1"}]
    )
    assert "Half written" in text(admin_client.get(at("delete", segment)))


def test_one_that_others_ask_about_cannot_be_deleted(admin_client: Client) -> None:
    first = saved("First")
    saved("Second", {"fact": "contact.in_segment", "op": "is_true", "of": "first"})
    page = text(admin_client.get(at("delete", first)))
    assert "Change them first" in page
    assert 'class="button no">' not in page
    page = text(admin_client.post(at("delete", first), follow=True))
    assert "Other segments ask about it: second" in page
    assert Segment.objects.count() == 2


def test_people_are_found_by_segment_and_show_theirs(admin_client: Client) -> None:
    one = contact()
    contact("b@example.com", first_name="Ben")
    saved()
    tag_set(contact=one, name="vip", on=True, at=NOW, now=NOW)
    page = admin_client.get(reverse("automation_people:index"), {"segment": "vip"})
    assert [found.pk for found in page.context["object_list"]] == [one.pk]
    assert "<dt>Segments</dt><dd>VIP</dd>" in text(
        admin_client.get(reverse("automation_people:detail", args=[one.pk]))
    )
    [entry] = timeline(contact=one, mails=False).entries
    assert (entry.title, entry.detail, entry.icon) == ("Came into a segment", "VIP", "sa-segment")


def test_who_may_only_look_changes_nothing(client: Client) -> None:
    segment = saved()
    one = contact(language="ms")
    client.force_login(user_with("looker", "view_segment"))
    page = client.get(at("edit", segment))
    assert page.status_code == 200
    assert ">Save</button>" not in text(page)
    assert client.get(reverse(ADD)).status_code == 302
    for url, data in (
        (reverse(ADD), form(MALAY)),
        (at("edit", segment), form(MALAY)),
        (at("edit", segment), form(MALAY, preview="1")),
        (at("delete", segment), {}),
    ):
        assert client.post(url, data).status_code == 302
    assert client.get(at("delete", segment)).status_code == 302
    segment.refresh_from_db()
    assert segment.condition == VIP
    # Without the permission for people nobody is named.
    client.force_login(user_with("writer", "change_segment"))
    page = text(client.post(at("edit", segment), form(MALAY, preview="1")))
    assert "1 of 1 person, 100 %" in page
    assert one.first_name not in page
    assert "automation/people" not in page


def test_without_permission_there_is_nothing(client: Client) -> None:
    segment = saved()
    client.force_login(user_with("other", "view_contact"))
    for url in (reverse(INDEX), reverse(ADD), at("edit", segment), at("progress", segment)):
        assert client.get(url).status_code == 302


def test_the_list_asks_as_much_for_many_segments_as_for_one(admin_client: Client) -> None:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    saved()
    admin_client.get(reverse(INDEX))
    with CaptureQueriesContext(connection) as one:
        admin_client.get(reverse(INDEX))
    for number in range(10):
        segment_save(name=f"S{number}", condition=VIP, now=NOW)
    with CaptureQueriesContext(connection) as many:
        admin_client.get(reverse(INDEX))
    assert len(many) == len(one)
