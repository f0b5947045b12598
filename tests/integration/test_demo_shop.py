"""The demo's shop speaks as Saleor does: signatures, headers, retries, API, shapes."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import jwt
import pytest
import requests
from jwt import api_jws

from saleor_automation.contract import payloads
from saleor_automation.demo import graphql, script
from saleor_automation.demo import shop as shop_module
from saleor_automation.demo.shop import Shop
from saleor_automation.demo.stage import Stage
from saleor_automation.demo.world import World
from saleor_automation.exceptions import UsageError
from tests.shared import SALEOR, needs_recordings


@pytest.fixture
def world() -> World:
    made = World()
    made.shoppers = script.shoppers()
    return made


@pytest.fixture
def shop(world):
    made = Shop(world)
    made.start()
    yield made
    made.stop()


def recorded() -> list[dict]:
    lines = (SALEOR / "deliveries" / "3.23.28.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


class App:
    """An app as the shop sees it: a manifest, a token target and a webhook."""

    def __init__(self) -> None:
        self.received: list[tuple[dict[str, str], bytes]] = []
        self.token = ""
        self.registration: dict[str, str] = {}
        self.register_status = 200
        #: Answers to the next deliveries; 202 when there are none left.
        self.statuses: list[int] = []
        app = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self.answer(200, app.manifest() if "Saleor-Schema-Version" in self.headers else {})

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.path == "/register":
                    app.token = json.loads(body)["auth_token"]
                    app.registration = dict(self.headers.items())
                    self.answer(app.register_status, {"error": {"message": "not today"}})
                    return
                app.received.append((dict(self.headers.items()), body))
                self.answer(app.statuses.pop(0) if app.statuses else 202, {})

            def answer(self, status: int, value: object) -> None:
                body = json.dumps(value).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    def manifest(self) -> dict[str, object]:
        return {
            "tokenTargetUrl": f"{self.url}/register",
            "webhooks": [
                {"targetUrl": f"{self.url}/hook", "asyncEvents": ["CUSTOMER_CREATED"]},
                {"targetUrl": f"{self.url}/hook", "asyncEvents": ["ORDER_CREATED"]},
            ],
        }


@pytest.fixture
def app(monkeypatch):
    monkeypatch.setattr(shop_module, "PAUSES", (0.0, 0.0, 0.0, 0.0, 0.0))
    made = App()
    yield made
    made.server.shutdown()
    made.server.server_close()


def ask(shop: Shop, query: str, token: str = "", **variables: object) -> dict:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return requests.post(
        shop.api_url, json={"query": query, "variables": variables}, headers=headers, timeout=10
    ).json()


def test_installing_hands_over_a_token_that_works(shop, app):
    shop.install(f"{app.url}/manifest")
    assert len(app.token) == 30
    assert app.registration["Saleor-Api-Url"] == shop.api_url
    assert app.registration["Saleor-Domain"] == shop.domain
    assert ask(shop, "{ app { id } }", app.token) == {"data": {"app": {"id": shop.app_id}}}
    assert ask(shop, "{ app { id } }", "another") == {"data": {"app": None}}


def test_a_refused_installation_shows_the_apps_words(shop, app):
    app.register_status = 403
    with pytest.raises(UsageError, match="not today"):
        shop.install(f"{app.url}/manifest")
    assert ask(shop, "{ app { id } }", app.token) == {"data": {"app": None}}


def test_a_delivery_is_signed_over_the_raw_body_as_saleor_signs(shop, app):
    shop.install(f"{app.url}/manifest")
    shop.deliver("customer_created", b'{"user": {"firstName": "Zo\xc3\xab"}}')
    ((headers, body),) = app.received
    jwks = requests.get(f"{shop.site}/.well-known/jwks.json", timeout=10).json()
    header = jwt.get_unverified_header(headers["Saleor-Signature"])
    assert (header["alg"], header["b64"], header["crit"]) == ("RS256", False, ["b64"])
    (key,) = [jwt.PyJWK(key) for key in jwks["keys"] if key["kid"] == header["kid"]]
    checked = {"algorithms": ["RS256"], "key": key.key}
    api_jws.decode_complete(headers["Saleor-Signature"], detached_payload=body, **checked)
    with pytest.raises(jwt.InvalidSignatureError):
        api_jws.decode_complete(
            headers["Saleor-Signature"], detached_payload=body.replace(b"Zo", b"Za"), **checked
        )


@needs_recordings
def test_a_delivery_carries_the_headers_saleors_do(shop, app):
    shop.install(f"{app.url}/manifest")
    shop.deliver("customer_created", b"{}")
    ((headers, _),) = app.received
    for delivery in recorded():
        assert set(delivery["headers"]) <= set(headers)


def test_only_events_the_app_asked_for_are_delivered(shop, app):
    shop.install(f"{app.url}/manifest")
    assert shop.deliver("checkout_created", b"{}") == []
    assert app.received == []


def test_server_errors_are_tried_again_with_the_same_body(shop, app):
    shop.install(f"{app.url}/manifest")
    app.statuses = [503, 500]
    (outcome,) = shop.deliver("order_created", b'{"a": 1}')
    assert (outcome.status, outcome.attempts, outcome.delivered) == (202, 3, True)
    assert {body for _, body in app.received} == {b'{"a": 1}'}


def test_saleor_gives_up_after_six_attempts(shop, app):
    shop.install(f"{app.url}/manifest")
    app.statuses = [503] * 10
    (outcome,) = shop.deliver("order_created", b"{}")
    assert (outcome.status, outcome.attempts, outcome.delivered) == (503, 6, False)


@pytest.mark.parametrize("status", [302, 401, 429])
def test_other_answers_are_final(shop, app, status):
    shop.install(f"{app.url}/manifest")
    app.statuses = [status]
    (outcome,) = shop.deliver("order_created", b"{}")
    assert (outcome.status, outcome.attempts, outcome.delivered) == (status, 1, False)


def test_the_api_knows_baskets_and_the_orders_they_became(shop, app, world):
    shop.install(f"{app.url}/manifest")
    basket = world.leave_basket(world.shoppers["aina"], "a", {"mug": 2}, script.START)
    query = """
        query Q($id: ID!, $all: [ID!]) {
          basket: checkout(id: $id) { ...Basket lines { quantity } }
          orders(first: 5, filter: {checkoutIds: $all}) { edges { node { number checkoutId } } }
        }
        fragment Basket on Checkout { id quantity channel { slug } }
    """
    before = ask(shop, query, app.token, id=basket.id, all=[basket.id])["data"]
    assert before["basket"] == {
        "id": basket.id,
        "quantity": 2,
        "channel": {"slug": "malaysia"},
        "lines": [{"quantity": 2}],
    }
    assert before["orders"]["edges"] == []
    world.buy("a", script.START)
    after = ask(shop, query, app.token, id=basket.id, all=[basket.id])["data"]
    assert after["basket"] is None
    assert after["orders"]["edges"] == [{"node": {"number": "1001", "checkoutId": basket.id}}]


def test_orders_need_the_apps_token(shop):
    assert "errors" in ask(shop, "{ orders(first: 1) { totalCount } }")


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("{ shop { colour } }", 'Cannot query field "colour"'),
        ("{ shop }", "must have a selection"),
        ("{ shop { name }", "Syntax Error"),
        ("{ shop { ...Missing } }", 'Unknown fragment "Missing"'),
        ("schema", "Syntax Error"),
    ],
)
def test_a_wrong_query_is_an_error_as_in_saleor(query, words):
    answer = graphql.answer(query, {}, {"shop": {"name": "x"}})
    assert words in answer["errors"][0]["message"]


def test_directives_aliases_and_literals_are_read():
    seen = {}

    def field(**arguments):
        seen.update(arguments)
        return {"__typename": "A", "x": 1}

    text = """
      # a comment
      query Q($on: Boolean = true) @live {
        first: thing(text: "a\\"b", list: [1, 2.5, NAME], deep: {yes: true, no: null})
          @include(if: $on) { ... on A { x } ... on B { y } ... { x } }
      }
    """
    assert graphql.answer(text, {}, {"thing": field}) == {"data": {"first": {"x": 1}}}
    assert seen == {
        "text": 'a"b',
        "list": [1, 2.5, "NAME"],
        "deep": {"yes": True, "no": None},
    }


def told(world: World) -> list[tuple[str, dict]]:
    """Everything the shop says in the play."""
    stage = Stage(world, site="http://shop.example", app_id="QXBwOjE=")
    scenes = [scene for scene in script.scenes() if scene.act != "unsubscribe"]
    return [
        (said.event, json.loads(said.body))
        for scene in sorted(scenes, key=lambda scene: scene.at)
        for said in stage.play(scene)
    ]


def shape(value: object) -> object:
    """Return the names and nesting of a JSON value; a list is shaped as its first item."""
    if isinstance(value, dict):
        return {key: shape(item) for key, item in value.items()}
    if isinstance(value, list):
        return [shape(value[0])] if value else []
    return None


def unlike(ours: object, recorded: object, path: str = "") -> list[str]:
    """Return where two shapes differ; what is null or empty on one side is not compared."""
    if isinstance(ours, dict) and isinstance(recorded, dict):
        lone = [f"{path}/{key}" for key in set(ours) ^ set(recorded)]
        both = set(ours) & set(recorded)
        return lone + [x for key in both for x in unlike(ours[key], recorded[key], f"{path}/{key}")]
    if isinstance(ours, list) and isinstance(recorded, list) and ours and recorded:
        return unlike(ours[0], recorded[0], f"{path}[]")
    return []


@needs_recordings
def test_bodies_have_the_shape_of_the_recorded_ones(world):
    shapes: dict[str, list[object]] = {}
    for delivery in recorded():
        event = delivery["headers"]["Saleor-Event"]
        shapes.setdefault(event, []).append(shape(json.loads(delivery["body"])))
    compared = set()
    for event, body in told(world):
        # Not selected yet by the subscriptions the recording was made with.
        del body["__typename"]
        for other in shapes.get(event, []):
            assert unlike(shape(body), other) == [], event
            compared.add(event)
    assert {"customer_created", "checkout_updated", "order_created", "fulfillment_created"} <= (
        compared
    )


def test_the_contract_understands_every_body(world):
    kinds = set()
    for event, body in told(world):
        kinds |= {fact.kind for fact in payloads.parse(event, json.dumps(body).encode()).facts}
    assert kinds >= {
        "joined",
        "account_confirmed",
        "deleted",
        "basket_changed",
        "ordered",
        "paid",
        "shipped",
        "fulfilled",
        "cancelled",
        "refunded",
    }


def test_the_script_repeats_reorders_and_delays_deliveries():
    scenes = script.scenes()
    assert any(scene.twice for scene in scenes)
    assert any(scene.backwards for scene in scenes)
    assert any(scene.late for scene in scenes)
    assert {shopper.language for shopper in script.shoppers().values()} == {"EN", "MS"}
    assert scenes[-1].arrives_at < script.END


def test_the_studio_finds_its_webhooks_in_the_demo_as_it_left_them(app, shop):
    """Otherwise a demo's worker would mend them, and log trouble, every few minutes."""
    from saleor_automation.saleor_app.lifecycle import STATE_QUERY
    from saleor_automation.saleor_app.own_webhooks import webhooks_query

    shop.install(app.url + "/manifest")
    state = shop.answer(STATE_QUERY, {}, shop.token)["data"]["app"]
    assert (state["identifier"], state["isActive"]) == ("saleor.automation", True)
    listed = shop.answer(webhooks_query((3, 23)), {}, shop.token)["data"]["app"]["webhooks"]
    assert {event["eventType"].lower() for row in listed for event in row["asyncEvents"]} == set(
        shop.webhooks
    )
    assert shop.answer(STATE_QUERY, {}, "no token")["data"] == {"app": None}


def test_the_demo_takes_problems_and_lets_them_be_taken_back(app, shop):
    from saleor_automation.saleor_app.problems import Problem, request_make

    shop.install(app.url + "/manifest")
    query, variables = request_make([Problem("sending", "Mail does not leave.")], [])
    assert "errors" not in shop.answer(query, variables, shop.token)
    assert shop.problems == {"sending": "Mail does not leave."}
    query, variables = request_make([], ["sending"])
    assert "errors" not in shop.answer(query, variables, shop.token)
    assert shop.problems == {}
