"""``/api/v1/tasks/export``: all tasks that fit as a file, streamed: of large values the server holds one at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Annotated, NamedTuple

from fastapi import APIRouter, Query, Response
from pydantic import Field
from starlette.responses import StreamingResponse

from leasehold.flow import shapes
from leasehold.flow.exporting import Write, as_csv, as_lines, head, pages, pieces
from leasehold.flow.large import whole
from leasehold.ports.views import TaskView
from leasehold.web.examples import EXAMPLES
from leasehold.web.models import TaskPage
from leasehold.web.routes.asking import FILTERING, Filtered, Responses, told
from leasehold.web.source import Reads, Source

SCANNED = "leasehold-scanned"
"""The header that says how far arguments were looked for: a file has no place for it."""

router = APIRouter(prefix="/tasks", tags=["tasks"])


class Format(StrEnum):
    """How an export is written."""

    LINES = "jsonl"
    CSV = "csv"


class Exported(Filtered):
    """The parameters of an export."""

    format: Format = Field(default=Format.LINES, description="JSON lines, or CSV")


class Form(NamedTuple):
    """What a format is on the wire."""

    media_type: str
    head: str
    write: Write


FORMS: Mapping[Format, Form] = {
    Format.LINES: Form("application/jsonl", "", as_lines),
    Format.CSV: Form("text/csv", head(), as_csv),
}
AskedExport = Annotated[Exported, Query()]


def files() -> Responses:
    """What an export answers: a file in one of the formats, or a problem before its first byte."""
    task = EXAMPLES[TaskPage]["items"][0] | {"arguments": {"source": "a.wav"}, "arguments_ref": None, "result": None}
    content = {
        form.media_type: {"schema": {"type": "string"}, "example": form.head + form.write([task])}
        for form in FORMS.values()
    }
    return told(TaskPage, *FILTERING) | {200: {"description": "The file", "content": content}}


@router.get("/export", response_class=Response, responses=files())
def export(reads: Reads, asked: AskedExport) -> Response:
    """Write all tasks that fit into a file, newest first, with arguments and results.

    It is streamed, and no snapshot: each task that is there all the while is in it once. Arguments that are kept in the
    store are named by `arguments_ref`; results are whole. Where the server cannot go on, the connection is cut. Where
    arguments were looked for among the newest tasks only, the header `leasehold-scanned` says among how many.
    """
    form = FORMS[asked.format]
    found = pages(reads.views, asked.words)
    name = f"tasks.{asked.format}"
    headers = {"content-disposition": f'attachment; filename="{name}"'}
    if (bound := reads.views.bound(asked.words)) is not None:
        headers[SCANNED] = str(bound.looked_at)
    return StreamingResponse(written(reads, form, found), media_type=form.media_type, headers=headers)


def written(source: Source, form: Form, found: Iterator[Sequence[TaskView]]) -> Iterator[bytes]:
    """Task by task. A name may hold half a surrogate pair, which no UTF-8 can say."""
    yield form.head.encode()
    for piece in pieces(form.write, (row_of(source, view) for views in found for view in views)):
        yield piece.encode("utf-8", "replace")


def row_of(source: Source, view: TaskView) -> shapes.Shape:
    """One task with what it was given and what came of it."""
    result = whole(source.store, view.result, view.result_ref)
    return {
        **shapes.task(view),
        "arguments": shapes.parsed(view.arguments),
        "arguments_ref": view.arguments_ref,
        "result": shapes.parsed(None if result is None else source.hiding.result(result)),
    }
