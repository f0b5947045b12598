"""A Saleor that keeps our app's webhooks, permissions and problems, over real HTTP."""

from __future__ import annotations

import threading
from typing import Any

from saleor_automation.demo import graphql
from saleor_automation.saleor_app.manifest import manifest_build

from .shared import TinySaleor

REFUSED = {
    "message": "To access this path, you need one of the following permissions: MANAGE_ORDERS",
    "extensions": {"exception": {"code": "PermissionDenied"}},
}


class AppSaleor(TinySaleor):
    """Knows one app; ``is_on`` False is a Saleor in which it was removed or switched off."""

    def __init__(self, version: str = "3.23.28") -> None:
        super().__init__()
        self.reset(version)

    def reset(self, version: str = "3.23.28") -> None:
        """Begin anew: nothing installed, nothing asked."""
        self.version = version
        self.is_on = True
        self.permissions = ["MANAGE_CHECKOUTS", "MANAGE_ORDERS", "MANAGE_USERS"]
        self.tokens = {"good-token": "QXBwOjE="}
        self.identifiers = {}
        self.webhooks: list[dict[str, Any]] = []
        self.problems: list[dict[str, Any]] = []
        self.dismissed: list[str] = []
        #: Mutations of each request, by name.
        self.requests: list[list[str]] = []
        self.questions = 0
        self.refuse: list[dict[str, str]] = []
        self.asked.clear()
        self._lock = threading.Lock()

    @property
    def schema(self) -> tuple[int, int]:
        major, minor = self.version.split(".")[:2]
        return int(major), int(minor)

    def install_webhooks(self) -> None:
        """Make the webhooks a manifest of now asks for, as the installation does."""
        for webhook in manifest_build(self.schema)["webhooks"]:
            self._create(webhook)

    def webhook(self, event: str) -> dict[str, Any]:
        """Return the one webhook of an event."""
        [found] = [w for w in self.webhooks if w["asyncEvents"] == [event]]
        return found

    def _create(self, values: dict[str, Any]) -> None:
        known = {"name", "targetUrl", "query", "asyncEvents", "isActive"}
        if self.schema >= (3, 23):
            known.add("identifier")
        assert set(values) <= known, "Saleor knows no such field"
        pk = max([int(w["id"][1:]) for w in self.webhooks], default=0) + 1
        self.webhooks.append({"id": f"W{pk}", **values})

    def answer(self, token: str, query: str, variables: dict[str, Any]) -> dict[str, Any]:
        """Answer one document as that version of Saleor does."""
        with self._lock:
            self.questions += 1
            known = token in self.tokens and self.is_on
            if query.startswith("mutation"):
                if not known:
                    return {"data": {}, "errors": [REFUSED]}
                self.requests.append([])
            root = {"app": self._app(token) if known else None, **self._mutations()}
            if known:
                root["shop"] = {"name": "Kedai Kopi", "version": self.version}
            elif "shop" in query or "orders" in query:
                return {"data": {"shop": None}, "errors": [REFUSED]}
            return graphql.answer(query, variables, root)

    def _app(self, token: str) -> dict[str, Any]:
        shown = []
        for webhook in self.webhooks:
            row = {
                "id": webhook["id"],
                "name": webhook["name"],
                "isActive": webhook["isActive"],
                "targetUrl": webhook["targetUrl"],
                "subscriptionQuery": webhook["query"],
                "asyncEvents": [{"eventType": event} for event in webhook["asyncEvents"]],
            }
            if self.schema >= (3, 23):
                row["identifier"] = webhook.get("identifier")
            shown.append(row)
        return {
            "id": self.tokens[token],
            "identifier": self.identifiers.get(token, "saleor.automation"),
            "isActive": True,
            "version": "0.0.1",
            "permissions": [{"code": code} for code in self.permissions],
            "webhooks": shown,
        }

    def _mutations(self) -> dict[str, Any]:
        def did(name: str) -> dict[str, Any]:
            self.requests[-1].append(name)
            return {"errors": list(self.refuse)}

        def create(input: dict[str, Any]) -> dict[str, Any]:
            if not self.refuse:
                self._create(input)
            return did("create")

        def update(id: str, input: dict[str, Any]) -> dict[str, Any]:
            assert "isActive" not in input
            [found] = [w for w in self.webhooks if w["id"] == id]
            found.update(input)
            return did("update")

        def delete(id: str) -> dict[str, Any]:
            self.webhooks = [w for w in self.webhooks if w["id"] != id]
            return did("delete")

        def problem(input: dict[str, Any]) -> dict[str, Any]:
            assert self.schema >= (3, 22)
            if not self.refuse:
                self.problems.append(input)
            return {**did("problem"), "appProblem": {"id": "P1"}}

        def dismiss(input: dict[str, Any]) -> dict[str, Any]:
            self.dismissed += input["byApp"]["keys"]
            return did("dismiss")

        return {
            "webhookCreate": create,
            "webhookUpdate": update,
            "webhookDelete": delete,
            "appProblemCreate": problem,
            "appProblemDismiss": dismiss,
        }
