"""Makes a launcher of the engine start the child of the harness: to be imported in its process before its life begins.

`ChildModule` imports it into each child, `ForkServer` preloads it for all. Both go on with the engine's `child_main`,
which knows nothing of journals and faults; the harness's own main calls that with its seams.
"""

from __future__ import annotations

import sys

from gostage_sim.gostage.child import main as engine
from gostage_sim.harness import child

engine.child_main = child.main  # type: ignore[assignment]  # called without arguments by both
if "gostage_sim.gostage.child.__main__" in sys.modules:  # has taken it by name
    sys.modules["gostage_sim.gostage.child.__main__"].child_main = child.main  # type: ignore[attr-defined]
