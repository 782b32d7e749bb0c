"""What a child has loaded beside its actions, in a child."""

from __future__ import annotations

import sys

from gostage_sim import gostage
from gostage_sim.bench.spawn import child as child


@gostage.action("loaded")
def loaded(ctx: gostage.ActionContext) -> None:
    ctx.store.put("m", sorted(sys.modules))
