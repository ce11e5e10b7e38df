"""The edge's OpenAPI document as a judge of real answers.

Finds the operation that a request belongs to and checks that the status is documented and
the body is what its schema promises. Wildcard statuses (`4XX`, `default`) do not count: a
user cannot program against them.
"""

from __future__ import annotations

import json
import re
import urllib.request
from typing import Any
from urllib.parse import urlsplit

from jsonschema import Draft202012Validator

from rest import TIMEOUT, Exchange

PATH = "/v1/openapi.json"


class Contract:
    """One OpenAPI 3.1 document."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.document = document

    @classmethod
    def served_by(cls, address: str) -> Contract:
        """The document of a running edge; it needs no credential."""
        with urllib.request.urlopen(f"http://{address}{PATH}", timeout=TIMEOUT) as response:
            return cls(json.load(response))

    def check(self, exchange: Exchange) -> None:
        """Raises when an exchange is not covered by the document."""
        operation = self._operation_of(exchange)
        if operation is None:
            assert exchange.status in (404, 405), f"undocumented endpoint: {exchange}"
            return
        responses = operation["responses"]
        assert str(exchange.status) in responses, (
            f"{exchange.method} {exchange.path} answered {exchange.status}, "
            f"documented are {sorted(responses)}"
        )
        response = self._resolved(responses[str(exchange.status)])
        content = response.get("content", {}).get("application/json")
        if content is None:
            assert exchange.body is None, f"a body that the document does not mention: {exchange}"
            return
        # The components travel along, so that `#/components/…` resolves inside the schema.
        # A member that the schema does not name is undocumented, not merely additional.
        schema = {
            **content["schema"],
            "components": self.document.get("components", {}),
            "unevaluatedProperties": False,
        }
        Draft202012Validator(schema).validate(exchange.body)

    def statuses(self, method: str, template: str) -> set[int]:
        """The statuses documented for an operation."""
        return {int(status) for status in self.operation(method, template)["responses"]}

    def operation(self, method: str, template: str) -> dict[str, Any]:
        """The operation at a path template; the names of its parameters do not matter."""
        for path, item in self.document["paths"].items():
            if _shape(path) == _shape(template) and method.lower() in item:
                return item[method.lower()]
        raise AssertionError(f"{method} {template} is not documented")

    def _operation_of(self, exchange: Exchange) -> dict[str, Any] | None:
        path = urlsplit(exchange.path).path
        for template, item in self.document["paths"].items():
            if re.fullmatch(_pattern(template), path) and exchange.method.lower() in item:
                return item[exchange.method.lower()]
        return None

    def _resolved(self, node: dict[str, Any]) -> dict[str, Any]:
        while "$ref" in node:
            target: Any = self.document
            for step in node["$ref"].removeprefix("#/").split("/"):
                target = target[step.replace("~1", "/").replace("~0", "~")]
            node = target
        return node


def _shape(template: str) -> str:
    return re.sub(r"\{[^}]*\}", "{}", template)


def _pattern(template: str) -> str:
    # A channel name may hold slashes, encoded or not.
    return "(.+)".join(re.escape(piece) for piece in _shape(template).split("{}"))
