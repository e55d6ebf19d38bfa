"""``python -m leasehold.testing.sqs_server``: the test server as a process of its own."""

from __future__ import annotations

import signal
import sys
from threading import Event, Thread

import click

from leasehold.testing.sqs_server import Fault, SqsServer


@click.command()
@click.option("--port", default=9324, show_default=True, help="0 takes one that is free.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Nothing else is taken.")
@click.option("--region", default="us-east-1", show_default=True)
@click.option("--seed", default=0, show_default=True, help="Of the faults.")
@click.option("--fault", "faults", multiple=True, metavar="KIND[=RATE][,NAME=VALUE...]", help="May be given often.")
@click.option("--leash", is_flag=True, help="End when standard input ends.")
def main(*, port: int, host: str, region: str, seed: int, faults: tuple[str, ...], leash: bool) -> None:
    """Serve SQS's protocol until interrupted. Nothing is kept on disk, and no signature is checked."""
    try:
        server = SqsServer(port, host=host, region=region, seed=seed, faults=[Fault.parse(fault) for fault in faults])
        server.start()
    except (ValueError, OSError) as error:
        raise click.ClickException(str(error)) from error
    ended = Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda _number, _frame: ended.set())
    if leash:
        Thread(target=lambda: (sys.stdin.read(), ended.set()), daemon=True).start()
    click.echo("\n".join(f"export {name}={value}" for name, value in server.environment().items()))
    ended.wait()
    server.stop()


if __name__ == "__main__":
    main()
