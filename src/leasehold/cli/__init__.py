"""The command line: a face over client and views. Every command is imported when it runs."""

from __future__ import annotations

import sys

__all__ = ["main"]


def main() -> None:
    """Run the command line and exit. A Ctrl-C while it is still loading is answered like any other."""
    try:
        from leasehold.cli.program import main as program

        program()
    except KeyboardInterrupt:
        sys.stderr.write("leasehold: interrupted\n")
        sys.exit(130)
