"""Who else sends e-mail, found out inside Saleor."""

from __future__ import annotations

import pytest

from saleor_automation.saleor_plugin import senders
from saleor_automation.saleor_plugin.senders import other_senders

pytestmark = pytest.mark.django_db


@pytest.fixture
def configured(model, monkeypatch, settings):
    """Store the form of one of Saleor's e-mail plugins, as if it were among PLUGINS."""
    present = set()
    classes = {name: type("Plugin", (), {"PLUGIN_ID": name}) for name in senders.PLUGINS}
    monkeypatch.setattr(senders, "import_string", lambda path: classes[path])
    settings.PLUGINS = present

    def store(identifier, active=True, **values):
        present.add(identifier)
        return model("plugins.PluginConfiguration").objects.create(
            identifier=identifier,
            name=identifier.rpartition(".")[2],
            active=active,
            configuration=[{"name": name, "value": value} for name, value in values.items()],
        )

    return store


def found() -> dict[str, tuple[str, ...]]:
    return {sender.id: sender.events for sender in other_senders()}


def test_nobody_else(configured):
    assert other_senders() == ()


def test_saleors_own_mails_but_those_whose_template_was_emptied(configured, model):
    row = configured(
        senders.USER_EMAIL,
        host="smtp.example.com",
        password="secret",
        order_confirmation="DEFAULT",
        order_confirmation_subject="Order",
        order_refund_confirmation="DEFAULT",
        invoice_ready="",
    )
    templates = model("plugins.EmailTemplate").objects
    templates.create(plugin_configuration=row, name="order_refund_confirmation", value="")
    templates.create(plugin_configuration=row, name="invoice_ready", value="<p>Here</p>")
    assert found() == {senders.USER_EMAIL: ("invoice_ready", "order_confirmation")}


def test_a_plugin_that_is_off_does_not_send(configured):
    configured(senders.USER_EMAIL, active=False, order_confirmation="DEFAULT")
    assert found() == {}


def test_a_row_whose_plugin_is_gone_from_saleor_does_not_send(configured, settings):
    configured(senders.SENDGRID, order_confirmation_template_id="d-1")
    settings.PLUGINS = set()
    assert found() == {}


def test_sendgrid_sends_what_has_a_template(configured):
    configured(
        senders.SENDGRID,
        api_key="secret",
        order_confirmation_template_id="d-1",
        order_canceled_template_id=None,
    )
    assert found() == {senders.SENDGRID: ("order_confirmation",)}


def test_the_smtp_app_sends_for_its_active_webhooks(configured, model):
    app = model("app.App").objects.create(name="SMTP", identifier="saleor.app.smtp")
    for event, active in (("order_created", True), ("order_fully_paid", False)):
        webhook = model("webhook.Webhook").objects.create(app=app, is_active=active)
        model("webhook.WebhookEvent").objects.create(webhook=webhook, event_type=event)
    [sender] = other_senders()
    assert (sender.kind, sender.name, sender.events) == ("app", "SMTP", ("order_created",))


def test_the_smtp_app_switched_off_does_not_send(configured, model):
    model("app.App").objects.create(name="SMTP", identifier="saleor.app.smtp", is_active=False)
    assert found() == {}
