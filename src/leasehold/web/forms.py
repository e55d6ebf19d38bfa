"""What a form of a page sends: names and values, as every browser writes them without files."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import parse_qsl

from fastapi import Depends, Request

from leasehold.flow.problems import BadRequest

MEDIA_TYPE = "application/x-www-form-urlencoded"
FIELDS = 10_000
"""As many as a page may send at once: ids of tasks that are chosen in a list among them."""
Fields = list[tuple[str, str]]


def fields_of(body: bytes) -> Fields:
    """The fields of a form's body, in order; raises ``BadRequest``."""
    try:
        return parse_qsl(body.decode(), keep_blank_values=True, errors="strict", max_num_fields=FIELDS)
    except ValueError as error:
        raise BadRequest("the body is no form") from error


async def form_of(request: Request) -> Fields:
    """The fields of the form that was sent; none where something else was sent."""
    if not request.headers.get("content-type", "").startswith(MEDIA_TYPE):
        return []
    return fields_of(await request.body())


SentForm = Annotated[Fields, Depends(form_of)]
"""The argument by which a route of a page asks for it."""
