"""Put values into the store before a workflow begins."""

from __future__ import annotations

TYPE_CHECKING = False  # see gostage/__init__.py
if TYPE_CHECKING:
    from collections.abc import Mapping

    from gostage_sim.gostage.context import RunContext
    from gostage_sim.gostage.middleware import Middleware, Proceed


def put_values(values: Mapping[str, object], *, overwrite: bool = True) -> Middleware[RunContext]:
    """Put each of `values` under its key; `overwrite=False` leaves what is stored; for the runner's tier."""

    def put(ctx: RunContext, proceed: Proceed) -> None:
        for key, value in values.items():
            if overwrite or key not in ctx.store:
                ctx.store.put(key, value)
        proceed()

    return put
