"""The OpenAPI document: valid, public, and complete about what the edge answers."""

from __future__ import annotations

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator, validate

import apps
from openapi import PATH, Contract
from rest import Rest

# Every status that the control plane is specified to give. Minting asks no backend.
OPERATIONS = [
    ("POST", "/v1/tokens", {200, 400, 401, 403, 413}),
    ("GET", "/v1/channels/{channel}/peers", {200, 400, 401, 403, 503}),
    ("POST", "/v1/channels/{channel}/publish", {200, 400, 401, 403, 413, 503}),
    ("DELETE", "/v1/peers/{peer}", {200, 400, 401, 503}),
    ("GET", "/v1/usage", {200, 401, 503}),
    ("POST", "/admin/revocations", {200, 400, 401, 403, 409, 413, 503}),
    ("GET", "/admin/revocations", {200, 401, 403, 503}),
]


async def test_the_document_is_valid_openapi_3_1(contract: Contract):
    assert contract.document["openapi"].startswith("3.1")
    validate(contract.document, cls=OpenAPIV31SpecValidator)


async def test_the_document_needs_no_credential(edge):
    assert (await Rest([edge.address]).call("GET", PATH)).status == 200


@pytest.mark.parametrize(
    "method, path, statuses", OPERATIONS, ids=[path for _, path, _ in OPERATIONS]
)
async def test_every_specified_status_is_documented(contract, method: str, path: str, statuses):
    missing = statuses - contract.statuses(method, path)
    assert not missing, f"{method} {path} does not document {sorted(missing)}"


async def test_every_operation_has_an_id_of_its_own_and_names_its_credential(contract: Contract):
    operations = [contract.operation(method, path) for method, path, _ in OPERATIONS]
    ids = {operation["operationId"] for operation in operations}
    assert len(ids) == len(operations)
    schemes = contract.document["components"]["securitySchemes"]
    for operation in operations:
        (requirement,) = operation["security"]
        assert [schemes[name]["type"] for name in requirement] == ["http"], operation


async def test_no_key_of_the_configuration_is_in_the_document(contract: Contract):
    text = str(contract.document)
    for secret in (apps.DEMO.secret, apps.PUBLISHABLE, apps.OTHER.secret):
        assert secret not in text
