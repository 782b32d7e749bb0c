"""Saboteurs of `nothing-left`: engines that leave something of a child behind."""

from __future__ import annotations

import os

from gostage_sim.harness.saboteurs.contract import Saboteur
from gostage_sim.harness.saboteurs.seams import after_a_signal

_leaked: list[int] = []


def _leaks() -> None:
    after_a_signal(lambda process: _leaked.append(os.dup(process.pidfd)))


SABOTEURS = (Saboteur("leaks", "nothing-left", "keeps a descriptor of every child killed by a signal", _leaks),)
