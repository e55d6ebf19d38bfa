"""``python -m leasehold.demo``: the demo where the command line is not installed."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Final

from leasehold.core.errors import LeaseholdError, UsageError
from leasehold.demo.ending import INTERRUPTED
from leasehold.demo.run import run_demo

WRONG: Final = 2
UNAVAILABLE: Final = 3


def main(arguments: list[str] | None = None) -> int:
    """Run it; the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m leasehold.demo", description="Transcribe recordings, in spite of all."
    )
    parser.add_argument("--input", type=Path, metavar="FOLDER", help="your own WAV files, with a general model")
    parser.add_argument("--ledger", metavar="FILE", help="keep it there; a demo that was cut off goes on")
    parser.add_argument("--json", action="store_true", help="print figures only")
    told = parser.parse_args(arguments)
    try:
        return run_demo(told.input, as_json=told.json, ledger=told.ledger)
    except LeaseholdError as error:
        sys.stderr.write(f"leasehold: {error}\n")
        return WRONG if isinstance(error, UsageError) else UNAVAILABLE
    except KeyboardInterrupt:
        return INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
