"""The document: complete enough to make clients of, and kept to, whatever is sent."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.http.shop import Shop


@pytest.fixture
def document(tmp_path: Path) -> dict[str, Any]:
    return Shop(tmp_path / "shop.db").app.openapi()


def operations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


def test_every_operation_has_a_name_a_tag_and_words(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1")
    names: list[str] = []
    for where, operation in operations(document):
        names.append(operation["operationId"])
        assert operation["tags"], where
        assert operation["summary"], where
        assert operation["description"], where
        for status, response in operation["responses"].items():
            if status >= "400":
                assert list(response["content"]) == ["application/problem+json"], f"{where} {status}"
            elif status == "200" and "/events" not in where:
                schema = response["content"]["application/json"]["schema"]
                assert schema, f"{where} {status}"
    assert len(names) == len(set(names))
    assert all(name.isidentifier() and name.islower() for name in names)


def test_the_input_of_every_type_is_in_the_document(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    body = document["paths"]["/api/jobs"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    text = str(schemas[body["$ref"].rsplit("/", 1)[-1]])
    for name in ("add", "deliver", "enquire", "hold", "stages", "fail"):
        assert f"'const': '{name}'" in text or f"'{name}'" in text
    assert "internal" not in text
    assert "Address" in schemas
