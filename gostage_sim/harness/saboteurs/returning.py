"""Saboteurs of `prompt-return`: engines whose `spawn()` comes back late."""

from __future__ import annotations

import time

from gostage_sim.harness.saboteurs.contract import Saboteur
from gostage_sim.harness.saboteurs.seams import after_a_signal

#: How long an engine hangs that hangs; over every bound of the guarantee.
_HANG_S = 4.0


def _hangs() -> None:
    after_a_signal(lambda process: time.sleep(_HANG_S))


SABOTEURS = (Saboteur("hangs", "prompt-return", f"returns {_HANG_S:g} s late when a signal killed the child", _hangs),)
