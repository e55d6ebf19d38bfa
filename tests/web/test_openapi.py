"""The OpenAPI document tells what there is, and asks nobody else for anything."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.docs.pages import table, text_of
from tests.web.conftest import Api


@pytest.fixture
def document(plain: Api) -> dict[str, Any]:
    return plain.get("/openapi.json")


def operations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, item in document["paths"].items():
        for method, operation in item.items():
            short = path.removeprefix("/api/v1").replace(":path", "")
            yield (short if method == "get" else f"{method.upper()} {short}"), operation


def test_it_is_openapi_3_1_with_every_route_of_the_reference(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1.")
    rows = {row[0].strip("`"): row[2] for row in table(text_of("docs/reference.md"), "REST API") if len(row) > 2}
    listed = {route: parameters for route, parameters in rows.items() if route.startswith(("/", "POST /"))}
    del listed["/openapi.json"]
    told = {path: names(operation, "query") for path, operation in operations(document)}
    assert {path: sorted(set(cell.split("`")[1::2])) for path, cell in listed.items()} == told


def names(operation: dict[str, Any], place: str) -> list[str]:
    return sorted(each["name"] for each in operation.get("parameters", ()) if each["in"] == place)


def test_every_operation_says_what_it_does_with_an_example_and_its_problems(document: dict[str, Any]) -> None:
    for path, operation in operations(document):
        assert operation["description"], path
        for status, answer in operation["responses"].items():
            if status.startswith("2"):
                for media, good in answer["content"].items():
                    assert good["example"], path
                    is_json = media == "application/json"
                    assert good["schema"].get("$ref", "").startswith("#/components/schemas/") is is_json
            else:
                told = answer["content"]
                assert set(told) == {"application/problem+json"}, (path, status)
                examples = told["application/problem+json"]["examples"].values()
                assert {each["value"]["status"] for each in examples} == {int(status)}
        assert {"400", "422", "503"} <= set(operation["responses"])


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    text = json.dumps(document)
    found = {part.split('"', 1)[0] for part in text.split("#/components/schemas/")[1:]}
    assert found == set(document["components"]["schemas"])
    assert "HTTPValidationError" not in found


def test_no_two_operations_share_a_name(document: dict[str, Any]) -> None:
    ids = [operation["operationId"] for _, operation in operations(document)]
    assert len(ids) == len(set(ids))
