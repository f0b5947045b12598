"""Sequences in the Studio: lists, drafts, publishing, switching, the picture."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from wagtail.test.utils.form_data import nested_form_data, streamfield

from saleor_automation.sequences.models import SequenceSwitch, SequenceVersion
from saleor_automation.studio.sequences import Sequence

from .helpers import contact, standing_at, user_with, waiting_sequence

pytestmark = pytest.mark.django_db


def url(name: str, *args: object) -> str:
    return reverse(Sequence.snippet_viewset.get_url_name(name), args=args)


def form(steps: list[Any], **changes: Any) -> dict[str, Any]:
    data: dict[str, Any] = nested_form_data(
        {
            "name": "Patience",
            "trigger": "joined",
            "quiet_minutes": "0",
            "purpose": "marketing",
            "topic": "patience",
            "steps": streamfield(steps),
            "exits": streamfield([]),
            **changes,
        }
    )
    return data


def test_a_row_made_by_code_is_a_draft() -> None:
    assert not Sequence.objects.create(name="New", topic="new").live


def test_publishing_writes_a_version_and_leaves_it_off(admin_client: Client) -> None:
    response = admin_client.post(
        url("add"),
        {**form([("wait", {"amount": "3", "unit": "hours"})]), "action-publish": "1"},
    )
    assert response.status_code == 302
    sequence = Sequence.objects.get()
    version = SequenceVersion.objects.get(sequence=sequence.key, is_current=True)
    (node,) = version.graph["nodes"].values()
    assert node == {"type": "wait", "minutes": 180, "next": None}
    assert not SequenceSwitch.objects.filter(state="on").exists()


def test_publishing_what_cannot_run_is_refused_and_says_which_step(admin_client: Client) -> None:
    response = admin_client.post(
        url("add"),
        {
            **form([("exit", {"reason": "done"}), ("wait", {"amount": "3", "unit": "hours"})]),
            "action-publish": "1",
        },
    )
    assert response.status_code == 200
    assert "Step 2 (Wait): Nobody ever comes here" in response.content.decode()
    assert not SequenceVersion.objects.exists()


def test_a_draft_may_be_half_written(admin_client: Client) -> None:
    response = admin_client.post(url("add"), form([("exit", {"reason": "done"}), ("send", {})]))
    assert response.status_code == 302
    assert not Sequence.objects.get().live
    assert not SequenceVersion.objects.exists()


def test_a_condition_is_checked_by_its_type(admin_client: Client) -> None:
    step = {"fact": "contact.orders", "op": "gte", "value": "many"}
    branches = {"then": streamfield([]), "otherwise": streamfield([])}
    response = admin_client.post(
        url("add"), {**form([("if", {**step, **branches})]), "action-publish": "1"}
    )
    assert response.status_code == 200
    assert "is compared with a number" in response.content.decode()


def test_publishing_the_same_text_again_makes_no_new_version() -> None:
    sequence = waiting_sequence()
    sequence.save_revision().publish()
    assert SequenceVersion.objects.filter(sequence=sequence.key).count() == 1


def test_publishing_for_later_compiles_nothing_yet() -> None:
    from django.utils import timezone

    sequence = Sequence.objects.create(name="Later", topic="later")
    sequence.steps = [{"type": "wait", "value": {"amount": 1, "unit": "days"}, "id": "w"}]
    sequence.go_live_at = timezone.now() + timezone.timedelta(days=1)
    sequence.save_revision().publish()
    assert not SequenceVersion.objects.filter(sequence=sequence.key).exists()


def test_a_bad_publish_past_the_form_keeps_the_last_good_version() -> None:
    sequence = waiting_sequence()
    good = SequenceVersion.objects.get(sequence=sequence.key)
    sequence.steps = []
    sequence.save_revision().publish()
    sequence.refresh_from_db()
    assert sequence.live
    assert SequenceVersion.objects.get(sequence=sequence.key, is_current=True) == good
    assert sequence.problems() == ["Add at least one step."]


def test_the_switch_asks_first_and_says_how_many_are_inside(admin_client: Client) -> None:
    sequence = waiting_sequence()
    node = next(iter(sequence.graph()["nodes"]))
    for number in range(2):
        standing_at(sequence, node, contact(f"p{number}@example.com"), f"user-{number}")
    page = admin_client.get(url("switch", sequence.pk, "on"))
    assert "2 people are inside" in page.content.decode()
    assert not SequenceSwitch.objects.filter(sequence=sequence.key, state="on").exists()

    assert admin_client.post(url("switch", sequence.pk, "on")).status_code == 302
    assert SequenceSwitch.objects.get(sequence=sequence.key).state == "on"
    admin_client.post(url("switch", sequence.pk, "paused"))
    assert SequenceSwitch.objects.get(sequence=sequence.key).state == "paused"
    admin_client.post(url("switch", sequence.pk, "off"))
    assert SequenceSwitch.objects.get(sequence=sequence.key).state == "off"


def test_a_sequence_never_published_cannot_be_turned_on(admin_client: Client) -> None:
    sequence = Sequence.objects.create(name="New", topic="new")
    page = admin_client.get(url("switch", sequence.pk, "on")).content.decode()
    assert "Publish it first" in page
    response = admin_client.post(url("switch", sequence.pk, "on"), follow=True)
    assert "Publish the sequence first" in response.content.decode()
    assert not SequenceSwitch.objects.filter(state="on").exists()


def test_an_unknown_state_is_not_found(admin_client: Client) -> None:
    sequence = waiting_sequence()
    assert admin_client.get(url("switch", sequence.pk, "sideways")).status_code == 404


def test_an_editor_without_publish_may_not_switch(client: Client) -> None:
    sequence = waiting_sequence()
    client.force_login(user_with("editor", "change_sequence", "view_sequence"))
    assert client.get(url("edit", sequence.pk)).status_code == 200
    client.post(url("switch", sequence.pk, "on"))
    assert not SequenceSwitch.objects.filter(state="on").exists()


@pytest.mark.parametrize("state", ["on", "paused"])
def test_a_sequence_is_turned_off_before_it_is_deleted(admin_client: Client, state: str) -> None:
    sequence = waiting_sequence()
    standing_at(sequence, next(iter(sequence.graph()["nodes"])), contact(), "user-1")
    admin_client.post(url("switch", sequence.pk, state))
    refused = admin_client.post(url("delete", sequence.pk), follow=True).content.decode()
    assert "Turn “Patience” off first" in refused
    assert "One person is inside." in refused
    assert Sequence.objects.exists()
    admin_client.post(url("switch", sequence.pk, "off"))
    asked = admin_client.get(url("delete", sequence.pk)).content.decode()
    assert "One person is inside. They finish “Patience”" in asked
    admin_client.post(url("delete", sequence.pk))
    assert not Sequence.objects.exists()


def test_deleting_a_sequence_by_code_turns_it_off(admin_client: Client) -> None:
    sequence = waiting_sequence()
    admin_client.post(url("switch", sequence.pk, "on"))
    sequence.delete()
    assert SequenceSwitch.objects.get(sequence=sequence.key).state == "off"


def test_the_list_shows_state_and_people(admin_client: Client) -> None:
    sequence = waiting_sequence()
    node = next(iter(sequence.graph()["nodes"]))
    standing_at(sequence, node, contact(), "user-1")
    admin_client.post(url("switch", sequence.pk, "paused"))
    page = admin_client.get(url("list"))
    (row,) = page.context["object_list"]
    assert (row.standing.state, row.standing.inside, row.standing.sent) == ("paused", 1, 0)
    assert "Patience" in page.content.decode()


def test_the_list_costs_the_same_for_one_and_for_many(
    admin_client: Client, django_assert_num_queries: Any
) -> None:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    waiting_sequence("One")
    admin_client.get(url("list"))
    with CaptureQueriesContext(
        connection,
    ) as one:
        admin_client.get(url("list"))
    for number in range(4):
        waiting_sequence(f"More {number}")
    with django_assert_num_queries(len(one)):
        admin_client.get(url("list"))


def test_the_preview_draws_the_flow_with_people(admin_client: Client) -> None:
    sequence = waiting_sequence()
    node = next(iter(sequence.graph()["nodes"]))
    standing_at(sequence, node, contact(), "user-1")
    preview = url("preview_on_edit", sequence.pk)
    steps = [("wait", {"amount": "26", "unit": "hours"}, node)]
    data = form([])
    data.update(nested_form_data({"steps": _with_ids(steps)}))
    assert admin_client.post(preview, data).json()["is_valid"]
    html = admin_client.get(preview, {"mode": "flow"}).content.decode()
    assert "1 day 2 hours" in html
    assert '<i title="people standing here">1</i>' in html
    assert "Someone creates an account" in html


def test_the_preview_of_an_unfinished_draft_lists_what_is_missing(admin_client: Client) -> None:
    preview = url("preview_on_add")
    admin_client.post(preview, form([("send", {"email": ""})]))
    html = admin_client.get(preview, {"mode": "flow"}).content.decode()
    assert "Before you can publish" in html
    assert "Choose an email" in html


def _with_ids(steps: list[tuple[str, dict[str, str], str]]) -> dict[str, str]:
    data = streamfield([(kind, value) for kind, value, _id in steps])
    for number, (_kind, _value, block_id) in enumerate(steps):
        data[f"{number}-id"] = block_id
    return data
