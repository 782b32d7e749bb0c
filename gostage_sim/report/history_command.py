"""`gostage-sim history DIR`: what happened in one scenario, a line of JSON for each event."""

from __future__ import annotations

import sys
from pathlib import Path

from gostage_sim.history.record import Record
from gostage_sim.report.bad_input import BadInput
from gostage_sim.report.escape import terminal_safe_json, visible_line


def show(folder: Path) -> int:
    """Print it; the exit code is 3 where something is missing, else 0. BadInput when there is no history."""
    record = Record(folder)
    try:
        for entry in record:
            sys.stdout.write(terminal_safe_json(entry.as_json()) + "\n")
    except (OSError, ValueError) as error:
        why = visible_line(getattr(error, "strerror", None) or str(error))
        raise BadInput([f"{visible_line(str(folder))}: no history is there: plan.json: {why}"]) from None
    sys.stdout.flush()
    for gap in record.gaps:
        print(visible_line(gap), file=sys.stderr)
    return 3 if record.gaps else 0
