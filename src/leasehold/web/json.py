"""JSON as it goes over the wire."""

from __future__ import annotations

import json
from collections.abc import Mapping

from fastapi import Response

from leasehold.flow.shapes import Shape


def written(document: object) -> bytes:
    """In ASCII: what users put into arguments and names may hold half a surrogate pair, which no UTF-8 can say."""
    return json.dumps(document, allow_nan=False, separators=(",", ":")).encode()


def reply(document: Mapping[str, object] | Shape, status: int = 200) -> Response:
    """A document, as it is: shapes are made in one place, so nothing is checked or changed on the way out."""
    return Response(written(document), status, media_type="application/json")
