"""What is to be changed so that Saleor has the webhooks this release wants."""

from __future__ import annotations

from dataclasses import replace

import pytest

from saleor_automation.saleor_app.own_webhooks import (
    OwnWebhook,
    Plan,
    plan_make,
    plan_requests,
    wanted,
)

VERSIONS = [(3, 21), (3, 22), (3, 23), (3, 24)]


def present(schema, *, active=True):
    """Return what Saleor has after an installation of now."""
    return [
        OwnWebhook(
            id=f"W{n}",
            name=want["name"],
            identifier=want.get("identifier", ""),
            is_active=active,
            target_url=want["targetUrl"],
            query=want["query"],
            events=tuple(want["asyncEvents"]),
        )
        for n, want in enumerate(wanted(schema))
    ]


@pytest.mark.parametrize("schema", VERSIONS)
def test_what_was_installed_a_moment_ago_needs_nothing(schema):
    plan = plan_make(wanted(schema), present(schema))
    assert plan == Plan(active=len(wanted(schema)))
    assert plan.size == 0
    assert plan_requests(plan) == []


@pytest.mark.parametrize("schema", VERSIONS)
def test_a_webhook_that_is_missing_is_made(schema):
    [gone, *rest] = present(schema)
    plan = plan_make(wanted(schema), rest)
    assert [made["asyncEvents"] for made in plan.create] == [list(gone.events)]
    assert plan.create[0]["isActive"] is True
    assert ("identifier" in plan.create[0]) is (schema >= (3, 23))
    assert (plan.update, plan.delete) == ((), ())


def test_what_differs_is_changed_and_nothing_else():
    [first, second, *rest] = present((3, 23))
    old = replace(first, query="subscription { event { issuedAt } }")
    moved = replace(second, target_url="https://old.example/saleor/webhooks/")

    plan = plan_make(wanted((3, 23)), [old, moved, *rest])

    assert plan.update == (
        (first.id, {"query": first.query}),
        (second.id, {"targetUrl": second.target_url}),
    )
    assert (plan.create, plan.delete) == ((), ())


def test_a_webhook_somebody_switched_off_stays_off():
    [first, *rest] = present((3, 23))
    off = replace(first, is_active=False, name="Old name")

    plan = plan_make(wanted((3, 23)), [off, *rest])

    assert plan.update == ((first.id, {"name": first.name}),)
    assert (plan.active, plan.inactive) == (len(rest), 1)


@pytest.mark.parametrize(("off", "starts_on"), [(0, True), (2, True), (3, False), (4, False)])
def test_a_new_webhook_is_on_or_off_as_most_are(off, starts_on):
    four = [replace(w, is_active=n >= off) for n, w in enumerate(present((3, 23))[:4])]
    plan = plan_make(wanted((3, 23))[:5], four)
    assert [made["isActive"] for made in plan.create] == [starts_on]
    assert plan.active + plan.inactive == 5


def test_after_an_update_of_saleor_identifiers_are_added_and_nothing_is_made_twice():
    plan = plan_make(wanted((3, 23)), present((3, 22)))
    assert {made["asyncEvents"][0] for made in plan.create} == {
        "CUSTOMER_DELETED",
        "APP_DELETED",
        "APP_STATUS_CHANGED",
    }
    assert all(set(changes) == {"identifier"} for _pk, changes in plan.update)
    assert len(plan.update) == len(wanted((3, 22)))
    assert plan.delete == ()


def test_what_an_earlier_release_wanted_is_deleted():
    old = OwnWebhook("W99", "Old", "", True, "https://x.example/saleor/webhooks/", "q", ("OLD",))
    plan = plan_make(wanted((3, 23)), [*present((3, 23)), old])
    assert plan.delete == ("W99",)
    assert plan.active == len(wanted((3, 23)))


def test_of_two_for_one_event_one_is_deleted():
    [first, *rest] = present((3, 22))
    plan = plan_make(wanted((3, 22)), [first, replace(first, id="W98"), *rest])
    assert plan.delete == ("W98",)


def test_webhooks_somebody_made_by_hand_are_left_alone():
    foreign = OwnWebhook("W97", "Mine", "", False, "https://erp.example/hook", "q", ("ORDER_PAID",))
    plan = plan_make(wanted((3, 23)), [*present((3, 23)), foreign])
    assert plan.size == 0
    assert plan.inactive == 0


def test_no_request_holds_more_mutations_than_saleor_takes():
    [first, *rest] = present((3, 23))
    plan = plan_make(wanted((3, 23)), [replace(first, name="Old")])
    requests = plan_requests(plan)
    assert sum(query.count("errors") for query, _ in requests) == plan.size == len(rest) + 1
    assert all(query.count("errors") <= 4 for query, _ in requests)


def test_what_is_created_comes_before_what_is_deleted():
    """Cut short, an upgrade leaves too much rather than too little."""
    old = replace(present((3, 23))[0], id="W99", identifier="", events=("OLD",))
    requests = plan_requests(plan_make(wanted((3, 23)), [old]))
    assert "webhookDelete" in requests[-1][0]
    assert "webhookCreate" in requests[0][0]
