"""The program: its commands by name, and what becomes of every error."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence

import click
from click.exceptions import NoArgsIsHelpError

from leasehold import __version__
from leasehold.cli.lazy import Lazy, LazyGroup
from leasehold.core.errors import LeaseholdError, UsageError

UNAVAILABLE = 3
DEFECT = 70
INTERRUPTED = 130
BROKEN_PIPE = 141


class Program(LazyGroup):
    """All commands, in the order in which a newcomer meets them."""

    sections: Mapping[str, Mapping[str, Lazy]] = {
        "Work": {
            "demo": Lazy("demo:demo", "Watch a real batch with failures and a lost worker, healed before your eyes."),
            "run": Lazy("run:run", "Run a function or a shell command over every row of a file."),
            "submit": Lazy("submit:submit", "Submit one task."),
            "wait": Lazy("wait:wait", "Wait for tasks or a batch to end."),
            "worker": Lazy("roles:worker", "Execute tasks on this machine until stopped."),
            "orchestrator": Lazy("roles:orchestrator", "Dispatch tasks and record what workers report."),
            "dashboard": Lazy("dashboard:dashboard", "Serve the ledger over HTTP: pages and a REST API."),
        },
        "Look": {
            "tasks": Lazy("tasks:tasks", "List, show, retry and cancel tasks; read their logs."),
            "why": Lazy("why:why", "Say why a task is not done."),
            "failures": Lazy("failures:failures", "Failed tasks, grouped by cause."),
            "batch": Lazy("batch:batch", "List, show and export batches."),
            "queue": Lazy("queue:queue", "List, pause and resume queues."),
            "top": Lazy("top:top", "All of it at a glance, again and again."),
            "workers": Lazy("workers:workers", "Workers and what they run; recall what a dead machine held."),
            "cost": Lazy("cost:cost", "Requests to the queues and dollars, by cause; what was wasted."),
            "leases": Lazy("leases:leases", "How long runs take, and which lease that asks for."),
            "plan": Lazy("plan:plan", "Time, requests and cost of so many tasks on so many workers."),
            "operations": Lazy("operations:operations", "Bulk cancels and retries: what was asked, how far it is."),
        },
        "Keep": {
            "init": Lazy("keep:init", "Make what a deployment stands on: schema, key, queues."),
            "migrate": Lazy("keep:migrate", "Bring the ledger to this version's schema."),
            "keys": Lazy("keys:keys", "Keys that sign task messages: make a pair, list those in use."),
            "tokens": Lazy("tokens:tokens", "Tokens for the dashboard and the API: make, list, revoke."),
            "doctor": Lazy("doctor:doctor", "Check that everything is set up and works."),
            "prune": Lazy("prune:prune", "Forget tasks that ended long ago; archive them first, if asked."),
            "audit": Lazy("audit:audit", "Prove that nothing is lost."),
            "chaos": Lazy("chaos:chaos", "Try whether a handler is safe to run at least once."),
            "simulate": Lazy(
                "simulate:simulate", "Live through everything that can go wrong, and hold it to the laws."
            ),
        },
    }


@click.group(
    cls=Program,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit codes: 0 done; 1 done, but something failed; 2 the command was wrong (wait: timed out); 3 the ledger, "
    "a queue or the store cannot be used; 130 interrupted.",
)
@click.version_option(__version__, message="%(prog)s %(version)s")
@click.pass_context
def program(context: click.Context) -> None:
    """Run long jobs on machines that vanish, and account for every one of them.

    Try:
      leasehold demo
      leasehold run jobs.py:transcribe files.csv
      leasehold run 'ffmpeg -i {source} {target}' files.csv
    """
    if os.environ.get("NO_COLOR"):
        context.color = False


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit."""
    sys.exit(outcome(arguments))


def outcome(arguments: Sequence[str] | None = None, obj: object = None) -> int:
    """Run one command; its exit code. ``obj`` takes the place of the real ``Tools``."""
    try:
        code: object = program.main(arguments, prog_name="leasehold", standalone_mode=False, obj=obj)
        sys.stdout.flush()
    except (BrokenPipeError, SystemExit):  # click itself leaves like this when it is the first to notice
        return broken_pipe()
    except NoArgsIsHelpError as error:
        error.show()
        return error.exit_code
    except click.ClickException as error:
        return complain(usage(error), error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        return complain("interrupted", INTERRUPTED)
    except UsageError as error:
        return complain(str(error), click.UsageError.exit_code)
    except LeaseholdError as error:
        return complain(str(error), UNAVAILABLE)
    except Exception as error:  # noqa: BLE001 - whatever it is, the user gets a sentence
        return defect(error)
    return code if isinstance(code, int) else 0


def complain(sentence: str, code: int) -> int:
    """One sentence on standard error."""
    click.echo(f"leasehold: {sentence}", err=True)
    return code


def usage(error: click.ClickException) -> str:
    """What was wrong with the command, and where its help is."""
    said = error.format_message()
    said = said[:1].lower() + said[1:].rstrip(".")
    context = error.ctx if isinstance(error, click.UsageError) else None
    stop = "" if said.endswith("?") else "."
    return f"{said}{stop} See: {context.command_path} --help" if context is not None else said


def defect(error: Exception) -> int:
    """An error that nobody foresaw."""
    if os.environ.get("LEASEHOLD_DEBUG"):
        raise error
    told = f"{type(error).__name__}: {error}".splitlines()[0]
    return complain(
        f"this should not have happened ({told}). Run it again with LEASEHOLD_DEBUG=1 and report what it prints",
        DEFECT,
    )


def broken_pipe() -> int:
    """Whoever read our output has stopped (``| head``): say nothing, also when Python flushes at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return BROKEN_PIPE
