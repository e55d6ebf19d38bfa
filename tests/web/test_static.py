"""Files that pages are drawn with: ours or vendored byte for byte, and served for good under their own hash."""

from __future__ import annotations

import hashlib
import json

import pytest

from leasehold.web.pages.assets import FOLDER, KEPT, address, assets
from tests.web.conftest import Api

VENDORED = json.loads((FOLDER / "vendored.json").read_text())


@pytest.mark.parametrize("told", VENDORED, ids=lambda told: told["package"])
def test_what_is_vendored_is_what_was_published_and_has_its_licence(told: dict[str, str]) -> None:
    content = (FOLDER / told["file"]).read_bytes()
    assert hashlib.sha256(content).hexdigest() == told["sha256"]
    assert (FOLDER / told["licence_file"]).stat().st_size > 100
    assert told["version"]


def test_every_minified_file_is_listed() -> None:
    assert {told["file"] for told in VENDORED} == {path.name for path in FOLDER.glob("*.min.js")}


@pytest.mark.parametrize("name", sorted(assets()))
def test_a_file_is_kept_for_good_and_has_the_policy_of_what_is_no_page(plain: Api, name: str) -> None:
    answer = plain.client.get(address(name))
    assert answer.status_code == 200
    assert answer.content == (FOLDER / name).read_bytes()
    assert answer.headers["cache-control"] == KEPT
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")


@pytest.mark.parametrize(
    "path", ["/static/0123456789abcdef/app.js", "/static/x/vendored.json", "/static/x/..%2fserve.py"]
)
def test_another_content_is_not_there(plain: Api, path: str) -> None:
    assert plain.client.get(path).status_code == 404
