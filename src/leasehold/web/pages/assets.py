"""What pages are drawn with: style, script, icon. Each is served under its own hash, and kept by browsers for good."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple

from fastapi import APIRouter, Response

from leasehold.flow.problems import NotFound

FOLDER = Path(__file__).parents[1] / "static"
TYPES: Mapping[str, str] = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
KEPT = "public, max-age=31536000, immutable"
"""For a year, which is as long as browsers keep anything: another content has another address."""

router = APIRouter(include_in_schema=False)


class Asset(NamedTuple):
    """One file."""

    content: bytes
    type: str
    digest: str


@cache
def assets() -> Mapping[str, Asset]:
    """All files, read once."""
    found = sorted(path for path in FOLDER.iterdir() if path.suffix in TYPES)
    return {path.name: read(path) for path in found}


def read(path: Path) -> Asset:
    """One of them."""
    content = path.read_bytes()
    return Asset(content, TYPES[path.suffix], hashlib.sha256(content).hexdigest()[:16])


def address(name: str) -> str:
    """Where a browser finds it."""
    return f"/static/{assets()[name].digest}/{name}"


@router.get("/static/{digest}/{name}")
async def static(digest: str, name: str) -> Response:
    """One file of this very content; an older page's other content is gone."""
    asset = assets().get(name)
    if asset is None or asset.digest != digest:
        raise NotFound(f"there is no such file: {name[:100]!r}")
    return Response(asset.content, headers={"cache-control": KEPT, "content-type": asset.type})
