"""Our pages inside a Dashboard of another site, in a real Chromium, in Saleor's own sandbox."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from saleor_automation import clock
from saleor_automation.people.models import Contact, Identity
from saleor_automation.sequences.models import Heartbeat
from saleor_automation.shop.models import ShopOrder
from saleor_automation.studio.dashboard.models import StaffLink
from tests.dashboard import install, token

from .dashboard import FakeDashboard

pytestmark = pytest.mark.browser

CUSTOMER, ORDER = "VXNlcjo3", "T3JkZXI6MQ=="


@pytest.fixture
def dashboard(shop: None, live_server: Any, settings: Any) -> Iterator[FakeDashboard]:
    """A Dashboard the Studio knows, and a shop that has run for a while."""
    running = FakeDashboard()
    settings.SALEOR_AUTOMATION = {
        **settings.SALEOR_AUTOMATION,
        "public_url": live_server.url,
        "dashboard_origins": running.origin,
    }
    install()
    Heartbeat.objects.create(name="queue", at=clock.wall())
    person = Contact.objects.get(email="ben@example.com")
    now = clock.now()
    Identity.objects.create(kind="saleor_user", value=CUSTOMER, contact=person, as_of=now)
    ShopOrder.objects.create(saleor_id=ORDER, contact=person)
    yield running
    running.close()


class Seen:
    """A browser window with the Dashboard in it, and what its console said."""

    def __init__(self, page: Any, studio: str) -> None:
        self.page = page
        self.studio = studio
        self.complaints: list[str] = []
        page.on("console", self.heard)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def heard(self, said: Any) -> None:
        if said.type == "error":
            self.complaints.append(f"{said.text} ({said.location['url']})")

    @property
    def frame(self) -> Any:
        return self.page.frame_locator("iframe[name=app]")

    def show(
        self, path: str = "/saleor/app", tokens: list[str] | None = None, **options: Any
    ) -> Any:
        """Open one of our pages as the Dashboard does."""
        self.page.evaluate(
            "([address, tokens, options]) => dash.show(address, tokens, options)",
            [self.studio + path, tokens or [token()], options],
        )
        return self.frame

    def run(self, script: str, *arguments: Any) -> Any:
        return self.page.evaluate(script, list(arguments))


@pytest.fixture
def seen(browser: Any, live_server: Any, dashboard: FakeDashboard) -> Iterator[Seen]:
    context = browser.new_context(viewport={"width": 1440, "height": 1000}, locale="en-GB")
    context.set_default_timeout(20_000)
    page = context.new_page()
    page.goto(dashboard.origin)
    yield Seen(page, live_server.url)
    context.close()


def colour(frame: Any, selector: str = "html", name: str = "background-color") -> str:
    found = frame.locator(selector).first
    return str(found.evaluate(f"(node) => getComputedStyle(node)['{name}']"))


def test_the_page_shows_what_runs_and_needs_no_cookie(seen: Seen, screenshot: Any) -> None:
    frame = seen.show()
    frame.get_by_role("heading", name="E-mail automation").wait_for()
    assert frame.get_by_role("row", name="Welcome").get_by_text("On").is_visible()
    assert frame.get_by_text("The worker is at work.").is_visible()
    assert frame.get_by_text("One thing the shop sent was not understood.").is_visible()
    assert frame.locator("figure rect").count() == 7
    assert colour(frame) == "rgb(255, 255, 255)"
    assert seen.page.context.cookies() == []
    assert seen.complaints == []
    screenshot(seen.page, "dashboard-page")


def test_theme_and_language_follow_the_dashboard(seen: Seen, screenshot: Any) -> None:
    frame = seen.show()
    frame.get_by_role("heading", name="E-mail automation").wait_for()
    seen.run("() => dash.setTheme('dark')")
    frame.locator("html[data-theme=dark]").wait_for()
    assert colour(frame) == "rgb(38, 41, 54)"
    assert colour(frame, "html", "color") == "rgb(255, 255, 255)"
    screenshot(seen.page, "dashboard-page-dark")
    seen.run("() => dash.setLocale('ms')")
    frame.get_by_role("heading", name="Automasi e-mel").wait_for()
    assert frame.locator("html").get_attribute("lang") == "ms"
    screenshot(seen.page, "dashboard-page-malay")
    # A language we do not have: English.
    seen.run("() => dash.setLocale('de')")
    frame.get_by_role("heading", name="E-mail automation").wait_for()
    assert seen.complaints == []


def test_the_first_theme_comes_with_the_address(seen: Seen) -> None:
    seen.run("() => { dash.theme = 'dark' }")
    frame = seen.show()
    frame.locator("html[data-theme=dark]").wait_for()


def test_a_token_that_ran_out_is_asked_for_again(seen: Seen) -> None:
    old = token(exp=int(time.time()) - 60)
    # On load, and once more when our page says it is ready; the third is new.
    frame = seen.show(tokens=[old, old, token()])
    frame.get_by_role("heading", name="E-mail automation").wait_for()


def test_a_token_that_comes_late_is_used(seen: Seen) -> None:
    frame = seen.show(tokens=[token(exp=int(time.time()) - 60)])
    frame.get_by_text("has run out").wait_for()
    seen.run("([given]) => dash.refresh(given)", token())
    frame.get_by_role("heading", name="E-mail automation").wait_for()


def test_who_may_not_see_it_is_told_so(seen: Seen, screenshot: Any) -> None:
    frame = seen.show(tokens=[token(user_permissions=["MANAGE_PRODUCTS"])])
    frame.get_by_text("You need one of these permissions in Saleor").wait_for()
    screenshot(seen.page, "dashboard-refused")


def test_only_the_dashboard_is_believed(seen: Seen) -> None:
    frame = seen.show()
    frame.get_by_role("heading", name="E-mail automation").wait_for()
    # Another window of the same page, and one of no origin, try to give orders.
    seen.page.evaluate(
        """() => new Promise((done) => {
          const evil = document.createElement("iframe");
          evil.setAttribute("sandbox", "allow-scripts");
          evil.srcdoc = "<script>parent.frames.app.postMessage({type: 'theme', payload: "
            + "{theme: 'dark'}}, '*'); parent.postMessage('sent', '*')</scr" + "ipt>";
          addEventListener("message", (event) => event.data === "sent" && setTimeout(done, 300));
          document.body.append(evil);
        })"""
    )
    assert frame.locator("html").get_attribute("data-theme") == "light"


def test_another_site_cannot_frame_it(seen: Seen) -> None:
    stranger = FakeDashboard()
    try:
        seen.page.goto(stranger.origin)
        seen.show()
        seen.page.wait_for_timeout(1500)
        assert seen.page.frames[-1].url.startswith("chrome-error:")
        assert any("frame-ancestors" in said for said in seen.complaints)
        assert seen.run("() => dash.asked") == []
    finally:
        stranger.close()


def test_opened_on_its_own_it_says_where_it_belongs(seen: Seen) -> None:
    seen.page.goto(f"{seen.studio}/saleor/app")
    seen.page.get_by_text("belongs into Saleor's Dashboard").wait_for()
    assert seen.page.context.cookies() == []


def test_the_button_opens_the_studio_in_a_tab_of_its_own(seen: Seen) -> None:
    frame = seen.show()
    with seen.page.context.expect_page() as opened:
        frame.get_by_role("button", name="Open the editor").click()
    tab = opened.value
    tab.wait_for_url("**/studio/automation/sequences/")
    assert tab.get_by_role("link", name="Welcome", exact=True).is_visible()
    # Not sandboxed: the Dashboard opened it, and a cookie of its own was set.
    assert tab.evaluate("window.origin") == seen.studio
    cookies = {cookie["name"]: cookie for cookie in seen.page.context.cookies()}
    assert cookies["sessionid"]["sameSite"] == "Lax"
    assert StaffLink.objects.get().user.email == "aisyah@shop.example"


def test_the_keyboard_opens_it_too(seen: Seen) -> None:
    frame = seen.show()
    button = frame.get_by_role("button", name="Open the editor")
    button.focus()
    with seen.page.context.expect_page() as opened:
        seen.page.keyboard.press("Enter")
    opened.value.wait_for_url("**/studio/automation/sequences/")


def test_a_problem_of_opening_is_told_by_the_dashboard(seen: Seen) -> None:
    frame = seen.show()
    frame.get_by_role("heading", name="E-mail automation").wait_for()
    Client().post("/saleor/app/code", headers={"Authorization": f"Bearer {token()}"})
    User.objects.filter(saleor_staff__isnull=False).update(is_active=False)
    frame.get_by_role("button", name="Open the editor").click()
    seen.page.wait_for_function("() => dash.said")
    assert "deactivated" in seen.run("() => dash.said.text")


def test_the_menu_logs_in_at_the_top_level(seen: Seen, screenshot: Any) -> None:
    def press(given: str) -> Any:
        with seen.page.context.expect_page() as opened:
            seen.run(
                "([address, given]) => dash.menu(address, given)",
                f"{seen.studio}/saleor/app/open",
                given,
            )
        opened.value.wait_for_load_state()
        return opened.value

    given = token()
    tab = press(given)
    assert tab.url == f"{seen.studio}/studio/"
    tab.locator("#sa-overview").wait_for()
    screenshot(tab, "dashboard-studio")
    # Pressed again, and again when the menu's token has run out: the first login counts.
    assert press(given).url == f"{seen.studio}/studio/"
    assert press(token(exp=int(time.time()) - 60)).url == f"{seen.studio}/studio/"
    # Without that login neither opens anything.
    seen.page.context.clear_cookies()
    tab = press(given)
    tab.get_by_role("heading", name="The Studio did not open").wait_for()
    assert seen.page.context.cookies() == []
    screenshot(tab, "dashboard-closed")


def test_a_box_shows_a_customers_mails_and_takes_its_height(seen: Seen, screenshot: Any) -> None:
    frame = seen.show("/saleor/app/customer", box=True, params={"customerId": CUSTOMER})
    frame.get_by_text("Placed an order.").wait_for()
    assert frame.get_by_role("listitem").count() == 2
    seen.page.wait_for_function("() => dash.asked.includes('widgetResize')")
    seen.page.wait_for_function(
        "() => dash.frame.style.height && dash.frame.style.height !== '200px'"
    )
    assert frame.locator("html").evaluate("(root) => root.scrollHeight <= window.innerHeight")
    screenshot(seen.page, "dashboard-customer")
    seen.run("() => dash.setTheme('dark')")
    frame.locator("html[data-theme=dark]").wait_for()
    screenshot(seen.page, "dashboard-customer-dark")
    with seen.page.context.expect_page() as opened:
        frame.get_by_role("button", name="Welcome to Kertas & Co").click()
    # Not its load: the mail names pictures of a shop that is not there.
    opened.value.wait_for_url("**/studio/automation/mails/**", wait_until="commit")
    opened.value.frame_locator(".sa-mail iframe").get_by_text("Good to have you here").wait_for()


def test_the_box_of_an_order_and_an_empty_one(seen: Seen, screenshot: Any) -> None:
    frame = seen.show("/saleor/app/order", box=True, params={"orderId": ORDER})
    frame.get_by_text("Placed an order.").wait_for()
    frame = seen.show("/saleor/app/order", box=True, params={"orderId": "T3JkZXI6OTk="})
    frame.get_by_text("No e-mail was sent to this person").wait_for()
    screenshot(seen.page, "dashboard-order-empty")


def test_the_first_pages_box(seen: Seen, screenshot: Any) -> None:
    frame = seen.show("/saleor/app/home", box=True, title="E-mail automation")
    frame.get_by_text("Mails, last 7 days").wait_for()
    seen.page.wait_for_function("() => dash.asked.includes('widgetResize')")
    screenshot(seen.page, "dashboard-home")


def test_a_narrow_window_needs_no_scrolling_sideways(seen: Seen, screenshot: Any) -> None:
    seen.page.set_viewport_size({"width": 640, "height": 900})
    frame = seen.show()
    frame.get_by_role("heading", name="E-mail automation").wait_for()
    assert frame.locator("html").evaluate("(root) => root.scrollWidth <= root.clientWidth")
    screenshot(seen.page, "dashboard-narrow")
