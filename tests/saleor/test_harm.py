"""What goes wrong inside Saleor harms no shopper, and what happened is still found.

Each fault is a real one: a process killed, a statement PostgreSQL refuses, tables that are not
there, an exception in the plugin's own code.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
import requests

from tests.saleor import expect, ways
from tests.saleor.driver import PASSWORD, Driver, new_address
from tests.saleor.machine import wait_for
from tests.saleor.shop import Shop
from tests.saleor.studio import Studio

OUTBOX = "saleor_automation_plugin_outbox"
STATE = "saleor_automation_plugin_relaystate"


@pytest.fixture(scope="module", params=(ways.APP, ways.PLUGIN))
def way(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def studio(way, studio_make, driver) -> Iterator[Studio]:
    one = studio_make(f"harm-{way}")
    try:
        ways.connect(way, driver, one)
        one.ask("open_for_business")
        yield one
    finally:
        one.close()


@pytest.fixture
def plugin_only(way: str) -> None:
    if way != ways.PLUGIN:
        pytest.skip("is about the plugin")


def test_an_order_is_found_when_saleor_dies_between_commit_and_hook(studio, driver, shop, way):
    email = new_address("dying")
    basket = driver.basket(email=email)
    driver.address(basket)
    shop.fault("kill-order_created")
    with pytest.raises(requests.ConnectionError):
        driver.complete(basket)
    assert shop.died("api")
    shop.start("api")
    [order] = _orders_of(driver, email)
    _found(studio, "ordered", order["id"], way)


def test_a_customer_is_found_when_the_worker_dies_between_commit_and_hook(
    studio, driver, shop, way
):
    email = new_address("dying")
    shop.fault("kill-customer_created")
    driver.nobody.say(
        "accountRegister", input={"email": email, "password": PASSWORD, "channel": "suite-shop"}
    )
    user = driver.customer_id(email)
    assert wait_for(lambda: shop.fault_fired("kill-customer_created"), "the worker dies")
    _found(studio, "joined", user, way)


@pytest.mark.usefixtures("plugin_only")
def test_a_hook_that_raises_harms_no_shopper(studio, driver, shop):
    email = new_address("raising")
    shop.fault("raise-order_created")
    order = driver.buy(email)
    assert shop.fault_fired("raise-order_created")
    assert "missed order_created: RuntimeError" in shop.processes["api"].log.read_text()
    assert [found["id"] for found in _orders_of(driver, email)] == [order["id"]]
    _found(studio, "ordered", order["id"], ways.PLUGIN)


@pytest.mark.usefixtures("plugin_only")
def test_an_insert_the_database_refuses_undoes_nothing_of_the_shops(studio, driver, shop):
    email, joiner = new_address("refused"), new_address("refused")
    with _outbox_refuses(shop):
        order = driver.buy(email)
        driver.register(joiner)
        basket = driver.basket(email=email)
        driver.lines_add(basket)
        driver.paid(order)
    saved = driver.staff.say("order", id=order["id"])
    assert (saved["userEmail"], saved["isPaid"]) == (email, True)
    assert driver.nobody.say("checkout", id=basket)["quantity"] == 2
    user = driver.customer_id(joiner)
    # What could not be written down is found by asking.
    for kind, about in (("paid", order["id"]), ("joined", user), ("basket_changed", basket)):
        _found(studio, kind, about, ways.APP)


@pytest.mark.usefixtures("plugin_only")
def test_installed_but_not_migrated_is_as_if_not_installed(studio, driver, shop):
    email = new_address("unmigrated")
    with _without_tables(shop):
        shop.restart("api")
        order = driver.buy(email)
        driver.register(new_address("unmigrated"))
        driver.paid(order)
        saved = driver.staff.say("order", id=order["id"])
        assert (saved["userEmail"], saved["isPaid"]) == (email, True)
        assert driver.plugin(ways.PLUGIN_ID)["status"].startswith("Not ready")
        assert "Traceback" not in shop.processes["api"].log.read_text()
    _found(studio, "paid", order["id"], ways.APP)


def _orders_of(driver: Driver, email: str) -> list[dict[str, Any]]:
    orders = driver.staff.say("orders", filter={"customer": email})["edges"]
    return [edge["node"] for edge in orders]


def _found(studio: Studio, kind: str, about: str, way: str) -> None:
    """Wait until a fact is known: by the plugin by itself, else by reconciliation."""
    if way == ways.APP:
        studio.reconcile()
    expect.fact(studio, kind, about, seconds=120)


@contextlib.contextmanager
def _outbox_refuses(shop: Shop) -> Iterator[None]:
    """Let PostgreSQL refuse every row of the outbox."""
    function = "suite_refuses"
    _sql(
        shop,
        f"CREATE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'a fault of the test suite'; END $$",
        f"CREATE TRIGGER {function} BEFORE INSERT ON {OUTBOX} "
        f"FOR EACH ROW EXECUTE FUNCTION {function}()",
    )
    try:
        yield
    finally:
        _sql(shop, f"DROP FUNCTION {function} CASCADE")


@contextlib.contextmanager
def _without_tables(shop: Shop) -> Iterator[None]:
    """Take the plugin's tables away, as they are between pip install and migrate."""
    _sql(shop, *(f"ALTER TABLE {name} RENAME TO {name}_away" for name in (OUTBOX, STATE)))
    try:
        yield
    finally:
        _sql(shop, *(f"ALTER TABLE {name}_away RENAME TO {name}" for name in (OUTBOX, STATE)))


def _sql(shop: Shop, *statements: str) -> None:
    with psycopg.connect(shop.database_url) as connection:
        for statement in statements:
            connection.execute(statement)
