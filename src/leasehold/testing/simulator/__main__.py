"""``python -m leasehold.testing.simulator``: the same as ``leasehold simulate``."""

import sys

from leasehold.testing.simulator.command import simulate_command

if __name__ == "__main__":
    try:
        sys.exit(simulate_command.main(standalone_mode=False) or 0)
    except KeyboardInterrupt:
        sys.exit(130)
