"""The script on a shop's page, in a real Chromium, against a Studio at another address."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from saleor_automation.inbox.models import Event, RawEvent
from saleor_automation.people.models import Identity
from saleor_automation.studio.tracking import key_use
from tests.tracking import AGENT, Caller, forget, told, understand
from tests.tracking import page as page_key

from .conftest import CHROMIUM

pytestmark = pytest.mark.browser

WISHES = [
    "navigator, 'doNotTrack', {get: () => '1'}",
    "navigator, 'globalPrivacyControl', {get: () => true}",
]


class Shop:
    """A shop of two pages, somewhere else than the Studio."""

    def __init__(self) -> None:
        self.head = ""
        shop = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = (
                    f"<!doctype html><html lang=en><head><title>{self.path}</title>"
                    f"{shop.head}</head><body>A shop</body></html>"
                ).encode()
                self.send_response(200 if self.path != "/favicon.ico" else 404)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def shop() -> Iterator[Shop]:
    made = Shop()
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture
def key(live_server: Any, shop: Shop, settings: Any) -> Iterator[Caller]:
    """A key for the shop's pages, and its pages with what the Studio says to write into them."""
    forget()
    settings.SALEOR_AUTOMATION = {**settings.SALEOR_AUTOMATION, "public_url": live_server.url}
    made = page_key(shop.url)
    shop.head = key_use(made.row, made.key)
    yield made
    forget()


@pytest.fixture
def visit(browser: Any) -> Iterator[Callable[..., Any]]:
    # Its own browser: a context's user agent is not that of what is sent on leaving a page,
    # and without one of its own this is a robot.
    arguments = ["--no-sandbox", f"--user-agent={AGENT}"]
    shopper = browser.browser_type.launch(executable_path=CHROMIUM, args=arguments)

    def open_(url: str, script: str = "") -> Any:
        context = shopper.new_context()
        context.set_default_timeout(10_000)
        if script:
            context.add_init_script(script)
        page = context.new_page()
        page.goto(url)
        return page

    yield open_
    shopper.close()


def stored(count: int) -> list[dict[str, Any]]:
    """Return the calls that are stored, once there are so many."""
    deadline = time.monotonic() + 15
    while True:
        found = told(RawEvent.objects.order_by("pk"))
        if len(found) >= count or time.monotonic() > deadline:
            assert len(found) == count, found
            return found
        time.sleep(0.05)


def kept(page: Any) -> tuple[str | None, list[Any], int]:
    return (
        page.evaluate("localStorage.getItem('sa_id')"),
        page.context.cookies(),
        page.evaluate("localStorage.length + sessionStorage.length"),
    )


def test_a_visit_from_page_to_product_to_basket_to_name(
    shop: Shop, key: Caller, visit: Callable[..., Any]
) -> None:
    # Asked for before the script is there.
    shop.head += "<script>saView({product_id: 'p-1', slug: 'cushion', price: 19.5})</script>"
    page = visit(f"{shop.url}/cushion?utm=secret")
    stored(2)
    page.evaluate("saAdd({product_id: 'p-1', quantity: 2})")
    page.evaluate("saIdentify({email: 'ana@x.example'})")
    page.evaluate("saIdentify({email: 'ana@x.example'})")
    found = stored(4)
    assert [call["type"] for call in found] == ["page", "track", "track", "identify"]
    assert [call.get("name", "") for call in found[1:3]] == ["Product Viewed", "Product Added"]
    assert len({call["anonymous"] for call in found}) == 1
    assert len({call["id"] for call in found}) == 4
    assert found[0]["properties"] == {"path": "/cushion", "title": "/cushion?utm=secret"}
    assert found[3]["traits"] == {"email": "ana@x.example", "locale": "en"}
    # Nobody agreed to anything being kept.
    assert kept(page) == (None, [], 0)
    understand()
    kinds = sorted(Event.objects.values_list("kind", flat=True))
    assert kinds == ["identified", "page_viewed", "product_added", "product_viewed"]
    assert Identity.objects.get().value == found[0]["anonymous"]


def test_an_id_is_kept_from_the_moment_somebody_agrees_until_they_withdraw(
    shop: Shop, key: Caller, visit: Callable[..., Any]
) -> None:
    page = visit(shop.url)
    first = stored(1)[0]["anonymous"]
    page.evaluate("saConsent(true)")
    assert kept(page) == (first, [], 1)
    shop.head = shop.head.replace("consent:false", "consent:true")
    page.goto(f"{shop.url}/second")
    assert stored(2)[1]["anonymous"] == first
    page.evaluate("saConsent(false)")
    assert kept(page) == (None, [], 0)
    page.evaluate("saReset()")
    page.evaluate("saTrack('Quiz Finished')")
    assert stored(3)[2]["anonymous"] != first
    assert kept(page) == (None, [], 0)


def test_pages_of_one_document_are_seen_and_leaving_loses_nothing(
    shop: Shop, key: Caller, visit: Callable[..., Any]
) -> None:
    page = visit(shop.url)
    stored(1)
    page.evaluate("history.pushState({}, '', '/next')")
    assert stored(2)[1]["properties"]["path"] == "/next"
    page.evaluate("history.replaceState({}, '', '/next?only=query')")
    page.go_back()
    assert stored(3)[2]["properties"]["path"] == "/"
    page.evaluate("saTrack('Left'), location.href = '/away'")
    names = [call.get("name") for call in stored(5)]
    assert names.count("Left") == 1


@pytest.mark.parametrize("wish", WISHES)
def test_do_not_track_is_honoured(
    shop: Shop, key: Caller, visit: Callable[..., Any], wish: str
) -> None:
    page = visit(shop.url, f"Object.defineProperty({wish})")
    page.wait_for_function("typeof saLoad == 'function' && !window.saQueue.length")
    page.evaluate("saConsent(true), saIdentify({email: 'ana@x.example'}), saTrack('Seen')")
    page.goto(f"{shop.url}/second")
    page.wait_for_timeout(800)
    assert not RawEvent.objects.exists()
    assert kept(page) == (None, [], 0)


def test_a_studio_that_fails_is_told_again_and_counts_once(
    shop: Shop, key: Caller, visit: Callable[..., Any]
) -> None:
    page = visit(shop.url)
    stored(1)
    seen: list[int] = []

    def fail(route: Any) -> None:
        seen.append(1)
        if len(seen) == 1:
            # Stored, but nobody hears of it.
            route.fetch()
            route.abort()
        elif len(seen) == 2:
            headers = {"Access-Control-Allow-Origin": shop.url}
            route.fulfill(status=503, body="{}", headers=headers)
        else:
            route.continue_()

    page.route("**/v1/batch", fail)
    page.evaluate("saTrack('Quiz Finished')")
    deadline = time.monotonic() + 20
    while len(seen) < 3 and time.monotonic() < deadline:
        page.wait_for_timeout(100)
    page.unroute_all(behavior="wait")
    assert len(seen) == 3
    understand()
    assert Event.objects.filter(kind="track:quiz_finished").count() == 1
    assert Event.objects.count() == 2


def test_a_page_of_another_shop_is_not_heard(
    shop: Shop, key: Caller, visit: Callable[..., Any]
) -> None:
    other = Shop()
    other.head = shop.head
    page = visit(other.url)
    page.wait_for_timeout(1000)
    assert not RawEvent.objects.exists()
    other.server.shutdown()
    other.server.server_close()
