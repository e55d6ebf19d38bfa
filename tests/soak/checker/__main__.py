"""``python -m tests.soak.checker FOLDER LEDGER``: judge what a soak left behind.

Prints a verdict as JSON; ends with 0 where it is good. The ledger's rows are kept beside the histories.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from tests.soak.checker.evidence import gathered
from tests.soak.checker.verdict import verdict


def main(folder: str, ledger: str) -> int:
    """Judge it."""
    evidence = gathered(Path(folder), ledger)
    rows = {"tasks": evidence.tasks, "runs": evidence.runs, "trails": evidence.trails}
    (Path(folder) / "ledger.json").write_text(json.dumps(rows, default=str))
    found = verdict(evidence)
    sys.stdout.write(json.dumps(found) + "\n")
    return 0 if found["ok"] else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
