"""The command: live through one seed, or through many, and tell what was found."""

from __future__ import annotations

import json
import re
from pathlib import Path

import click

from leasehold.testing.simulator import records
from leasehold.testing.simulator.shrinking import shrunk
from leasehold.testing.simulator.simulation import Story, simulate
from leasehold.testing.simulator.terms import Topology

TOLD = 120
"""Lines of a story that are printed, unless all are asked for."""


class Seeds(click.ParamType[tuple[int, int]]):
    """``0..1000``: from the first, up to the second and without it."""

    name = "seeds"

    def convert(
        self, value: str | tuple[int, int], param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, int]:
        """Read it, or say how to write it."""
        if isinstance(value, tuple):
            return value
        match = re.fullmatch(r"(\d+)\.\.(\d+)", value)
        if match is None or int(match[1]) >= int(match[2]):
            self.fail(f"{value!r} is no range of seeds; write FIRST..END, such as 0..1000", param, ctx)
        return int(match[1]), int(match[2])


@click.command("simulate")
@click.option("--seed", type=click.IntRange(min=0), help="Live through this one, and shrink it if it breaks a law.")
@click.option("--seeds", type=Seeds(), metavar="FIRST..END", help="Live through all of these.")
@click.option("--topology", type=click.Choice([str(each) for each in Topology]), help="Default: each seed chooses.")
@click.option("--trace", is_flag=True, help="Tell the whole story of the seed.")
@click.option("--no-shrink", is_flag=True, help="Do not look for a shorter story.")
@click.option(
    "--record",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write down each piece of the seeds, and leave out those on record.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
@click.option("--processes", type=click.IntRange(1, 256), default=1, show_default=True)
def simulate_command(
    *,
    seed: int | None,
    seeds: tuple[int, int] | None,
    topology: str | None,
    trace: bool,
    no_shrink: bool,
    record: Path | None,
    processes: int,
    as_json: bool,
) -> int:
    r"""Simulate the whole system, with everything that can go wrong, and hold it against its laws.

    The same seed gives the same story, to the last bit. Nothing outside of this process is touched.

    \b
    Examples:
      leasehold simulate --seed 7 --trace
      leasehold simulate --seeds 0..1000
    """
    asked = None if topology is None else Topology(topology)
    if seeds is not None:
        return many(seeds, asked, record, processes, as_json=as_json)
    if seed is None:
        raise click.UsageError("say which: --seed N or --seeds FIRST..END")
    if as_json:
        return plain(simulate(seed, topology=asked))
    return one(seed, asked, trace=trace, shrink=not no_shrink)


def one(seed: int, topology: Topology | None, *, trace: bool, shrink: bool) -> int:
    """Tell one seed's story."""
    story = simulate(seed, topology=topology, trace=click.echo if trace else None)
    summary(story)
    if story.violation is None:
        return 0
    if shrink:
        short = shrunk(story)
        click.echo(f"\nthe shortest story found: {len(short.schedule)} moves, {short.strikes} faults")
        tell(short)
        click.echo(f"\n{short.violation}")
    return 1


def plain(story: Story) -> int:
    """A story for programs."""
    told = {
        "seed": story.seed,
        "topology": str(story.terms.topology),
        "ok": story.violation is None,
        "violation": None if story.violation is None else str(story.violation),
        "hash": story.digest,
        "steps": story.steps,
        "moves": len(story.schedule),
        "faults": story.strikes,
        "statuses": dict(sorted(story.statuses.items())),
    }
    click.echo(json.dumps(told))
    return 0 if story.violation is None else 1


def summary(story: Story) -> None:
    """Verdict and hash."""
    click.echo(story.verdict)
    click.echo(f"{story.steps} steps, {len(story.schedule)} moves, {story.strikes} faults; hash {story.digest}")


def tell(story: Story) -> None:
    """The story of a schedule, as far as anybody wants to read it."""
    lines: list[str] = []
    simulate(story.seed, topology=story.asked, schedule=story.schedule, trace=lines.append)
    for line in lines[:TOLD]:
        click.echo(line)
    if len(lines) > TOLD:
        click.echo(f"... and {len(lines) - TOLD} lines more")


def many(
    seeds: tuple[int, int], topology: Topology | None, record: Path | None, processes: int, *, as_json: bool = False
) -> int:
    """Live through many seeds, piece by piece."""
    known = records.done(record) if record is not None else set[tuple[int, int]]()
    bounds = [each for each in records.pieces(*seeds) if each not in known]
    commit = records.commit()
    total = failed = cpu = 0
    for piece in records.lived(bounds, topology, processes):
        if record is not None:
            records.written(record, piece, commit)
        total, failed, cpu = total + piece.end - piece.first, failed + len(piece.failures), cpu + piece.cpu_ms
        if as_json:
            click.echo(json.dumps(piece._asdict()))
            continue
        for seed, told in piece.failures:
            click.echo(f"seed {seed}: {told}")
        click.echo(f"{piece.first}..{piece.end}: {len(piece.failures)} failed, {cpu / total:.1f} ms of CPU per seed")
    if not as_json:
        click.echo(f"{total:,} seeds, {failed:,} failed" + (f"; {len(known):,} pieces were on record" if known else ""))
    return 1 if failed else 0
