"""The child of a child: the engine imports this module into it, so that it knows the steps of a scenario.

It is no child of the run. It keeps no journal and says nothing to the observer; that it did its work is seen in what
its parent, a child of the run, passes on as its own.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module

from gostage_sim.gostage.wire.encode import decode_document
from gostage_sim.harness.control import PLAN_VARIABLE
from gostage_sim.harness.steps import register_steps


def _prepare() -> None:
    """With the values of its parent's payloads, and the user's actions from where the parent has them."""
    with open(os.environ[PLAN_VARIABLE], "rb") as file:
        plan = decode_document(file.read())
    sys.path[:0] = plan["search"]
    for module in plan["imports"]:
        import_module(module)
    register_steps(plan["pools"], before_step=lambda number: None, at_the_end=lambda: None)


_prepare()
