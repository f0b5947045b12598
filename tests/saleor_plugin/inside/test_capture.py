"""What is written down, when, and that nothing of it ever reaches the shopper."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import OperationalError, connection, transaction
from django.utils import timezone

from saleor_automation.saleor_plugin import capture as capture_module
from saleor_automation.saleor_plugin import hooks as hooks_module
from saleor_automation.saleor_plugin.capture import capture, gate_forget
from saleor_automation.saleor_plugin.events import HOOKS, KINDS
from saleor_automation.saleor_plugin.models import Outbox, RelayState
from saleor_automation.saleor_plugin.state import state_change

pytestmark = pytest.mark.django_db


def make_user(model, email="new@example.com", **fields):
    return model("account.User").objects.create(email=email, **fields)


def test_a_new_customer_is_written_down_in_the_same_transaction(capturing, waiting, model):
    with transaction.atomic():
        user = make_user(model)
        assert waiting() == [("customer_created", str(user.pk))]


def test_what_is_rolled_back_leaves_nothing(capturing, waiting, model):
    with transaction.atomic():
        make_user(model)
        transaction.set_rollback(True)
    assert waiting() == []


def test_a_change_of_a_customer_is_no_creation(capturing, waiting, model):
    user = make_user(model)
    user.first_name = "Siti"
    user.save()
    assert len(waiting()) == 1


def test_staff_is_no_customer(capturing, waiting, model):
    make_user(model, is_staff=True)
    assert waiting() == []


def test_fixtures_are_not_news(capturing, waiting, model):
    from django.db.models.signals import post_save

    user_model = model("account.User")
    post_save.send(user_model, instance=user_model(pk=99), created=True, raw=True)
    assert waiting() == []


def test_the_hook_after_the_commit_writes_no_second_row(capturing, waiting, plugin, model):
    user = make_user(model)
    plugin().customer_created(user)
    assert len(waiting()) == 1
    plugin().customer_updated(user)
    assert [event for event, _ in waiting()] == ["customer_created", "customer_updated"]


def test_a_hook_writes_down_an_instance_no_signal_saw(capturing, waiting, plugin, model):
    user_model = model("account.User")
    [user] = user_model.objects.bulk_create([user_model(email="bulk@example.com")])
    plugin().customer_created(user)
    assert waiting() == [("customer_created", str(user.pk))]


@pytest.mark.parametrize("hook", sorted(HOOKS))
def test_every_hook_writes_one_row_and_hands_on_what_came(capturing, waiting, plugin, hook):
    class Thing:
        pk, email, is_staff = 7, "gone@example.com", False

    assert getattr(plugin(), hook)(Thing(), previous_value="kept") == "kept"
    assert waiting() == [(HOOKS[hook], "7")]
    assert Outbox.objects.get().kind == KINDS[HOOKS[hook]]


def test_arguments_we_do_not_know_are_let_through(capturing, waiting, plugin, customer):
    plugin().customer_updated(customer, webhooks={1}, something_new=True, previous_value=None)
    assert ("customer_updated", str(customer.pk)) in waiting()


@pytest.mark.parametrize(
    ("given", "kept"),
    [({}, True), ({"notify_customer": False}, False), ({"notify_customer": None}, None)],
)
def test_the_merchants_wish_not_to_notify_is_kept(capturing, plugin, given, kept):
    class Parcel:
        pk = 3

    plugin().fulfillment_created(Parcel(), **given, previous_value=None)
    assert Outbox.objects.get().extra == {"notify_customer": kept}


def test_the_wish_may_come_by_place(capturing, plugin):
    class Parcel:
        pk = 3

    plugin().fulfillment_approved(Parcel(), False, previous_value=None)
    assert Outbox.objects.get().extra == {"notify_customer": False}


def test_of_an_account_that_is_gone_only_what_the_body_needs_is_kept(capturing, plugin, model):
    user = model("account.User")(pk=5, email="gone@example.com", first_name="Secret")
    plugin().account_deleted(user)
    row = Outbox.objects.get()
    assert (row.object_id, row.extra) == ("5", {"email": "gone@example.com", "is_staff": False})


def test_of_everything_else_no_personal_data_is_kept(capturing, plugin, customer):
    Outbox.objects.all().delete()
    plugin(requestor=customer).customer_updated(customer)
    row = Outbox.objects.get()
    assert row.extra == {}
    assert customer.email not in " ".join(str(value) for value in vars(row).values())


def test_who_did_it_is_kept(capturing, plugin, customer, our_app):
    plugin(requestor=our_app).customer_updated(customer)
    plugin(requestor=customer).customer_updated(customer)
    found = Outbox.objects.filter(event="customer_updated").order_by("pk")
    assert list(found.values_list("principal", flat=True)) == [
        f"app:{our_app.pk}",
        f"user:{customer.pk}",
    ]


def test_an_inactive_plugin_writes_nothing(
    capturing, configuration, plugin, waiting, customer, model
):
    Outbox.objects.all().delete()
    configuration(active=False)
    plugin().customer_updated(customer)
    make_user(model)
    assert waiting() == []


def test_capture_off_writes_nothing(capturing, configuration, plugin, waiting, customer, model):
    Outbox.objects.all().delete()
    configuration(capture=False)
    plugin().customer_updated(customer)
    make_user(model)
    assert waiting() == []


def test_another_address_stops_capture_until_that_studio_answered(capturing, configuration):
    configuration(studio_url="https://other.example")
    assert RelayState.objects.get().capturing is False


def test_saving_the_same_form_again_does_not_stop_capture(capturing, configuration):
    configuration(studio_url=capturing.url, capture=True)
    assert RelayState.objects.get().capturing is True


def test_before_any_form_was_saved_nothing_is_written(db, plugin, waiting, customer, model):
    plugin().customer_updated(customer)
    assert waiting() == []


def test_capture_costs_one_statement(capturing, plugin, customer, django_assert_num_queries):
    here = plugin()
    here.customer_updated(customer)  # asks once whether to capture
    with django_assert_num_queries(
        3
    ) as seen:  # inside a test's transaction: savepoint, insert, release
        here.customer_updated(customer)
    assert [query["sql"].split()[0] for query in seen] == ["SAVEPOINT", "INSERT", "RELEASE"]


@pytest.mark.django_db(transaction=True)
def test_outside_a_transaction_it_is_the_insert_alone(
    capturing, plugin, customer, django_assert_num_queries
):
    here = plugin()
    here.customer_updated(customer)
    with django_assert_num_queries(1):
        here.customer_updated(customer)


def test_capture_off_costs_nothing(
    capturing, configuration, plugin, customer, django_assert_num_queries
):
    configuration(capture=False)
    here = plugin()
    here.customer_updated(customer)
    with django_assert_num_queries(0):
        here.customer_updated(customer)


def test_a_failing_insert_leaves_the_shops_transaction_whole(
    capturing, failing_insert, model, caplog, waiting
):
    with transaction.atomic():
        user = make_user(model)
        # The transaction still works: this would raise had the failure spoilt it.
        assert model("account.User").objects.filter(pk=user.pk).exists()
    assert model("account.User").objects.filter(pk=user.pk).exists()
    assert waiting() == []
    assert "could not write down customer_created" in caplog.text


def test_what_is_logged_of_a_failure_names_no_customer(
    capturing, failing_insert, plugin, model, caplog
):
    plugin().account_deleted(model("account.User")(pk=5, email="gone@example.com"))
    assert "could not write down account_deleted" in caplog.text
    assert "gone@example.com" not in caplog.text


def test_failures_do_not_flood_the_log(capturing, failing_insert, plugin, customer, caplog):
    caplog.clear()
    for _ in range(20):
        plugin().customer_updated(customer)
    assert caplog.text.count("could not write down") <= 1


def test_a_hook_that_raises_inside_does_not_reach_saleor(
    capturing, plugin, customer, monkeypatch, caplog
):
    def broken(*args, **kwargs):
        raise ZeroDivisionError

    monkeypatch.setattr(hooks_module, "capture", broken)
    assert plugin().customer_updated(customer, previous_value=1) == 1
    assert "missed customer_updated: ZeroDivisionError" in caplog.text


def test_an_interrupt_is_not_swallowed(capturing, plugin, customer, monkeypatch):
    def interrupted(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(capture_module, "_insert", interrupted)
    with pytest.raises(KeyboardInterrupt):
        plugin().customer_updated(customer)


def test_installed_but_not_migrated_the_shop_does_not_notice(without_tables, plugin, model, caplog):
    gate_forget()
    with transaction.atomic():
        user = make_user(model)
        plugin().customer_updated(user)
        assert model("account.User").objects.filter(pk=user.pk).exists()
    assert "could not" not in caplog.text


def test_not_migrated_is_asked_about_once_a_minute(
    without_tables, plugin, customer, django_assert_num_queries
):
    here = plugin()
    gate_forget()
    here.customer_updated(customer)
    with django_assert_num_queries(0):
        here.customer_updated(customer)


@pytest.mark.parametrize("before", [True, False])
def test_a_database_in_trouble_changes_no_mind(capturing, monkeypatch, caplog, before):
    class Troubled:
        def using(self, alias):
            raise OperationalError("canceling statement due to statement timeout")

    monkeypatch.setattr(RelayState, "objects", Troubled())
    monkeypatch.setattr(capture_module, "_gate", (0.0, before))
    assert capture_module.capturing() is before
    assert "OperationalError" in caplog.text


def test_with_no_relay_for_two_days_capture_stops(capturing, plugin, customer, waiting):
    Outbox.objects.all().delete()
    state_change(relay_at=timezone.now() - timedelta(hours=49))
    gate_forget()
    plugin().customer_updated(customer)
    assert waiting() == []


def test_no_foreign_key_leads_into_the_shops_tables():
    fields = [*Outbox._meta.get_fields(), *RelayState._meta.get_fields()]
    assert not [field for field in fields if field.is_relation]


def test_an_order_still_being_drafted_is_no_order(capturing, waiting, model):
    from saleor_automation.saleor_plugin.signals import order_saved

    class Order:
        pk, status = "x", "draft"

    order_saved(None, Order(), created=True)
    assert waiting() == []
    Order.status = "unfulfilled"
    order_saved(None, Order(), created=True)
    assert waiting() == [("order_created", "x")]


def test_capture_says_whether_it_wrote(capturing):
    assert capture("order_paid", "x") is True
    connection.check_constraints()
