"""Tasks into a file or onto standard output: for `batch export` and `tasks export`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from leasehold.cli.output import note
from leasehold.flow.exporting import as_csv, as_lines, exported, head, pages, pieces

if TYPE_CHECKING:
    from leasehold.assemble import Parts

with_format = click.option(
    "--format", "format_", type=click.Choice(["jsonl", "csv"]), default="jsonl", show_default=True
)
with_output = click.option("--output", "-o", type=click.Path(dir_okay=False), help="Write to this file instead.")


def export_to(output: str | None, format_: str, system: Parts, filter_: str) -> int:
    """Write all tasks that fit, one by one; how many. A file that cannot be finished is left as it was."""
    if (bound := system.views.bound(filter_)) is not None:
        note(f"This {bound}.")
    found = pages(system.views, filter_, lambda sentence: note(f"Left out: {sentence}."))
    write = as_csv if format_ == "csv" else as_lines
    count = 0
    with click.open_file(output or "-", "w", encoding="utf-8", atomic=output is not None) as file:
        file.write(head() if format_ == "csv" else "")
        for views in found:
            file.writelines(pieces(write, (exported(view, lambda: system.store, system.redaction) for view in views)))
            count += len(views)
    return count


def check_format(format_: str, *, as_json: bool) -> None:
    """Refuse two formats at once."""
    if as_json and format_ == "csv":
        raise click.UsageError("--json and --format csv contradict each other")
