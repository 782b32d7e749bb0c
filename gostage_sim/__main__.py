"""`gostage-sim`, also as `python -m gostage_sim`."""

from __future__ import annotations

import os


def main() -> None:
    """The command line. A Ctrl-C that comes while it is still being imported is one all the same."""
    try:
        from gostage_sim import cli

        cli.main()
    except KeyboardInterrupt:
        os._exit(130)  # nothing was begun, and half of an import is no state to end an interpreter in


if __name__ == "__main__":
    main()
