"""What only a real Saleor can show: its mutations, its generator, its hooks' signatures."""

from __future__ import annotations

import inspect
import json

import pytest
from django.utils import timezone

from saleor_automation.contract.subscriptions import SUBSCRIPTIONS
from saleor_automation.saleor_plugin import hooks as hooks_module
from saleor_automation.saleor_plugin.capture import capture, gate_forget
from saleor_automation.saleor_plugin.events import HOOKS, KINDS, NOTIFYING
from saleor_automation.saleor_plugin.models import Outbox
from saleor_automation.saleor_plugin.payloads import body_make, event_sent, subscription_for

pytestmark = [pytest.mark.real, pytest.mark.django_db]

EVENTS = sorted(set(HOOKS.values()))

REGISTER = """mutation($input: AccountRegisterInput!) {
  accountRegister(input: $input) { errors { field code message } user { id } } }"""
CHECKOUT_CREATE = """mutation($input: CheckoutCreateInput!) {
  checkoutCreate(input: $input) { errors { field code message } checkout { id } } }"""
LINES_ADD = """mutation($id: ID!, $lines: [CheckoutLineInput!]!) {
  checkoutLinesAdd(id: $id, lines: $lines) { errors { field code } checkout { id quantity } } }"""


@pytest.fixture
def things(customer_user, checkout_with_item, order_with_lines, fulfillment):
    """One object of each kind."""
    return {
        "user": customer_user,
        "checkout": checkout_with_item,
        "order": order_with_lines,
        "fulfillment": fulfillment,
    }


def manager():
    from saleor.plugins.manager import get_plugins_manager

    return get_plugins_manager(allow_replica=False)


@pytest.mark.parametrize("hook", sorted(HOOKS))
def test_saleors_manager_has_the_hook_with_the_arguments_we_read(hook):
    from saleor.plugins.manager import PluginsManager

    names = list(inspect.signature(getattr(PluginsManager, hook)).parameters)
    assert names[0] == "self"
    assert names[1] in {"customer", "user", "checkout", "order", "fulfillment"}
    assert ("notify_customer" in names) == (HOOKS[hook] in NOTIFYING)


@pytest.mark.parametrize("hook", sorted(HOOKS))
def test_saleors_manager_reaches_our_hook(capturing, things, hook):
    # Read anew: of the very instance a signal saw, a hook writes no second row.
    thing = things[KINDS[HOOKS[hook]]]
    thing = type(thing).objects.get(pk=thing.pk)
    Outbox.objects.all().delete()
    getattr(manager(), hook)(thing)
    row = Outbox.objects.get()
    assert (row.event, row.object_id) == (HOOKS[hook], str(thing.pk))


def test_no_hook_of_a_fact_is_missed():
    """Every event the App asks for has a hook here, and none has a name Saleor lacks."""
    from saleor.webhook.event_types import WebhookEventAsyncType

    asked = {item.event.lower() for item in SUBSCRIPTIONS} & set(KINDS)
    assert asked == set(HOOKS.values())
    assert asked <= set(WebhookEventAsyncType.ALL)


def body_of(app, thing, event, at, principal=""):
    extra = {}
    if event in NOTIFYING:
        extra = {"notify_customer": False}
    elif event.endswith("_deleted"):
        extra = {"email": thing.email, "is_staff": thing.is_staff}
    return body_make(
        app=app,
        event=event,
        kind=KINDS[event],
        object_id=str(thing.pk),
        principal=principal,
        extra=extra,
        issued_at=at,
    )


@pytest.mark.parametrize("event", EVENTS)
def test_a_body_is_the_webhooks_to_the_byte(our_app, things, model, event):
    from saleor.webhook.transport.asynchronous.transport import (
        create_deliveries_for_subscriptions,
    )

    thing, at = things[KINDS[event]], timezone.now()
    body, complaint = body_of(our_app, thing, event, at, f"app:{our_app.pk}")
    assert complaint == ""

    subscription = subscription_for(event)
    webhook = model("webhook.Webhook").objects.create(
        app=our_app,
        name=event,
        target_url="https://studio.example/saleor/webhooks/",
        subscription_query=subscription.query,
    )
    name = event_sent(event)
    webhook.events.create(event_type=name)
    given = thing
    if name.startswith("account_"):
        given = {"user": thing}
    elif name in NOTIFYING:
        given = {"fulfillment": thing, "notify_customer": False}
    [delivery] = create_deliveries_for_subscriptions(
        name, given, [webhook], requestor=our_app, request_time=at
    )
    sent = delivery.payload.get_payload()
    sent = sent if isinstance(sent, bytes) else sent.encode()
    if name.endswith("_deleted"):
        # The webhook still had the whole account; the fields asked for are the same.
        assert json.loads(body) == json.loads(sent)
    assert body == sent


@pytest.mark.parametrize("event", EVENTS)
def test_every_body_is_understood_by_the_contract(our_app, things, event):
    from saleor_automation.contract.payloads import event_agrees, parse, recipient_of, unwrap
    from saleor_automation.contract.values import document

    body, _ = body_of(our_app, things[KINDS[event]], event, timezone.now())
    content = unwrap(document(body))
    assert event_agrees(event_sent(event), content)
    assert recipient_of(content)
    assert parse(event_sent(event), body).snapshot is not None


def test_without_permission_the_complaint_is_told(our_app, things):
    our_app.permissions.clear()
    _, complaint = body_of(our_app, things["order"], "order_updated", timezone.now())
    assert "permission" in complaint.lower()


def test_capture_is_in_the_transaction_of_a_real_registration(
    api_client, capturing, channel_USD, site_settings, waiting
):
    register(api_client, channel_USD)
    # The second by the hook: Saleor calls it from a task, with an instance of its own.
    assert {event for event, _ in waiting()} == {"customer_created"}
    assert len({key for _, key in waiting()}) == 1


def test_a_basket_is_written_down(api_client, capturing, channel_USD, stock, waiting):
    checkout_id = create_checkout(api_client, channel_USD, stock)
    assert [event for event, _ in waiting()] == ["checkout_created"]
    add_line(api_client, checkout_id, stock)
    assert [event for event, _ in waiting()][1:] == ["checkout_updated"]


def register(api_client, channel, email="new@example.com"):
    data = {
        "email": email,
        "password": "Passw0rd!",
        "channel": channel.slug,
        "redirectUrl": "https://www.example.com",
    }
    answer = api_client.post_graphql(REGISTER, {"input": data}).json()
    assert "errors" not in answer, answer
    assert answer["data"]["accountRegister"]["errors"] == []


def create_checkout(api_client, channel, stock):
    import graphene

    variant_id = graphene.Node.to_global_id("ProductVariant", stock.product_variant_id)
    data = {
        "channel": channel.slug,
        "email": "guest@example.com",
        "lines": [{"variantId": variant_id, "quantity": 1}],
    }
    answer = api_client.post_graphql(CHECKOUT_CREATE, {"input": data}).json()
    assert "errors" not in answer, answer
    assert answer["data"]["checkoutCreate"]["errors"] == []
    return answer["data"]["checkoutCreate"]["checkout"]["id"]


def add_line(api_client, checkout_id, stock):
    import graphene

    variant_id = graphene.Node.to_global_id("ProductVariant", stock.product_variant_id)
    lines = [{"variantId": variant_id, "quantity": 2}]
    answer = api_client.post_graphql(LINES_ADD, {"id": checkout_id, "lines": lines}).json()
    assert "errors" not in answer, answer
    assert answer["data"]["checkoutLinesAdd"]["errors"] == []
    assert answer["data"]["checkoutLinesAdd"]["checkout"]["quantity"] == 3


@pytest.fixture(params=["hook", "insert", "tables"])
def trouble(request, capturing):
    """A hook that raises inside, an INSERT that fails, tables that are not there."""
    if request.param == "hook":
        monkeypatch = request.getfixturevalue("monkeypatch")

        def broken(*args, **kwargs):
            raise ZeroDivisionError

        monkeypatch.setattr(hooks_module, "capture", broken)
        monkeypatch.setattr("saleor_automation.saleor_plugin.signals.capture", broken)
    elif request.param == "insert":
        request.getfixturevalue("failing_insert")
    else:
        request.getfixturevalue("without_tables")
        gate_forget()
    return request.param


@pytest.mark.django_db(transaction=True)
def test_whatever_is_wrong_the_shopper_is_answered_and_the_data_is_saved(
    trouble, api_client, channel_USD, site_settings, stock, model
):
    register(api_client, channel_USD)
    assert model("account.User").objects.filter(email="new@example.com").exists()

    checkout_id = create_checkout(api_client, channel_USD, stock)
    add_line(api_client, checkout_id, stock)
    [line] = model("checkout.CheckoutLine").objects.all()
    assert line.quantity == 3


def test_beat_will_start_the_relay():
    from saleor.celeryconf import app

    entry = app.conf.beat_schedule["saleor-automation-relay"]
    app.loader.import_default_modules()
    # Without it they pile up while no worker runs.
    assert app.tasks[entry["task"]].expires == 600


def test_saleors_own_mails_are_found(settings, channel_USD, model):
    from saleor.plugins.user_email.plugin import UserEmailPlugin

    from saleor_automation.saleor_plugin.senders import other_senders

    settings.PLUGINS = ["saleor.plugins.user_email.plugin.UserEmailPlugin"]
    row = model("plugins.PluginConfiguration").objects.create(
        identifier=UserEmailPlugin.PLUGIN_ID,
        name=UserEmailPlugin.PLUGIN_NAME,
        channel=channel_USD,
        active=True,
        configuration=UserEmailPlugin.DEFAULT_CONFIGURATION,
    )
    model("plugins.EmailTemplate").objects.create(
        plugin_configuration=row, name="order_canceled", value=""
    )
    [sender] = other_senders()
    assert "order_confirmation" in sender.events
    assert "order_canceled" not in sender.events
    assert not [event for event in sender.events if "sender" in event or "subject" in event]


def test_plugin_update_shows_the_status(
    staff_api_client, permission_manage_plugins, capturing, model
):
    query = """mutation($input: PluginUpdateInput!) {
      pluginUpdate(id: "saleor.automation", input: $input) {
        errors { field code message }
        plugin { globalConfiguration { active configuration { name value } } } } }"""
    fields = [{"name": "studio_url", "value": "nonsense"}]
    staff_api_client.user.user_permissions.add(permission_manage_plugins)
    answer = staff_api_client.post_graphql(query, {"input": {"configuration": fields}}).json()
    [error] = answer["data"]["pluginUpdate"]["errors"]
    assert (error["field"], error["code"]) == ("studioUrl", "INVALID")

    fields = [{"name": "studio_url", "value": capturing.url}, {"name": "capture", "value": "true"}]
    answer = staff_api_client.post_graphql(query, {"input": {"configuration": fields}}).json()
    saved = answer["data"]["pluginUpdate"]["plugin"]["globalConfiguration"]["configuration"]
    values = {field["name"]: field["value"] for field in saved}
    assert values["studio_url"] == capturing.url
    # Saleor's tests run without a broker.
    assert "CELERY_BROKER_URL" in values["status"]


def test_a_row_of_a_real_order_is_relayed(capturing, order_with_lines):
    from saleor_automation.saleor_plugin.tasks import relay

    Outbox.objects.all().delete()
    capture("order_updated", order_with_lines.pk)
    relay()
    [body] = capturing.bodies("order_updated")
    assert body["order"]["number"] == str(order_with_lines.number)
    assert "errors" not in body
