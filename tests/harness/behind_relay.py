"""A process behind a relay: `behind_relay.py KIND PARAMS JOURNAL PIECES PACE_S` sends the pieces to its stdout.

It says on stderr `released` when the relay lets it go, `refused` when the other side does not take a piece.
"""

from __future__ import annotations

import json
import os
import random
import sys
import time
from typing import Any

from gostage_sim.faults import fault_kind
from gostage_sim.harness.relay import Duty, before_pipe


def main(kind: str, params: str, journal: str, pieces: str, pace_s: str) -> None:
    fault: Any = fault_kind(kind)(**json.loads(params))
    released = before_pipe(1, Duty(fault.relay, "victim#1", journal, random.Random(1)))
    try:
        for piece in json.loads(pieces):
            os.write(1, piece.encode())
            time.sleep(float(pace_s))
    except BrokenPipeError:
        os.write(2, b"refused\n")
    os.close(1)
    os.read(released, 1)
    os.write(2, b"released\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
