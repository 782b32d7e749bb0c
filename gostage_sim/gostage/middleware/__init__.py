"""Middleware: what goes around a workflow, a stage, the actions of a stage, or one action.

A middleware is a function of the context and of what it goes around:

    def announce(ctx, proceed):
        print("begins:", ctx.where)
        proceed()
        print("ended:", ctx.where)

It may call `proceed()` once, not at all (what is inside is skipped), or again after a failure; it may raise, and it may
catch what `proceed()` raises. The first one added is the outermost.

| tier | added with | goes around | `ctx` |
| --- | --- | --- | --- |
| runner | `Runner(middleware=[…])`, `runner.use(…)`, `RunOptions(middleware=[…])` | the whole workflow | RunContext |
| workflow | `workflow.use(…)` | each stage, with its initial data | StageContext |
| stage | `stage.use(…)` | the stage's actions as one block | StageContext |
| action | `use_for_actions(…)` of workflow and stage, `action.use(…)` | each action, or one | ActionContext |

Every context is a RunContext, so a middleware that needs no more works in every tier. Around an action it sees the
exception itself, further out an ActionError whose `__cause__` that is. A BaseException passes through them too.

The map, one in each file:

* `log_each`, `time_each`        say what begins and ends, and how long it took (any tier)
* `limit_time`, `recover`, `retry`  give it so many seconds, go on after a failure, try again (any tier)
* `put_values`                   values into the store before the workflow (runner)
* `filter_stages`, `put_stage_data`, `notify_stages`  which stages run, with what, and who is told (workflow)
* `report_progress`              a message after each action (action)

Each is loaded on first use, as are `Middleware` and `Proceed`, the types of the two arguments above for annotations.
"""

from __future__ import annotations

TYPE_CHECKING = False  # see gostage/__init__.py
if TYPE_CHECKING:
    from gostage_sim.gostage.middleware.kinds import Middleware as Middleware
    from gostage_sim.gostage.middleware.kinds import Proceed as Proceed
    from gostage_sim.gostage.middleware.logs import log_each as log_each
    from gostage_sim.gostage.middleware.progress import report_progress as report_progress
    from gostage_sim.gostage.middleware.recovery import recover as recover
    from gostage_sim.gostage.middleware.retries import retry as retry
    from gostage_sim.gostage.middleware.stage_data import put_stage_data as put_stage_data
    from gostage_sim.gostage.middleware.stage_filter import filter_stages as filter_stages
    from gostage_sim.gostage.middleware.stage_notification import notify_stages as notify_stages
    from gostage_sim.gostage.middleware.store_injection import put_values as put_values
    from gostage_sim.gostage.middleware.time_limit import limit_time as limit_time
    from gostage_sim.gostage.middleware.timing import time_each as time_each

_HOME = {
    "Middleware": "kinds",
    "Proceed": "kinds",
    "filter_stages": "stage_filter",
    "limit_time": "time_limit",
    "log_each": "logs",
    "notify_stages": "stage_notification",
    "put_stage_data": "stage_data",
    "put_values": "store_injection",
    "recover": "recovery",
    "report_progress": "progress",
    "retry": "retries",
    "time_each": "timing",
}

__all__ = [
    "Middleware",
    "Proceed",
    "filter_stages",
    "limit_time",
    "log_each",
    "notify_stages",
    "put_stage_data",
    "put_values",
    "recover",
    "report_progress",
    "retry",
    "time_each",
]


def __getattr__(name: str) -> object:
    room = _HOME.get(name)
    if room is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(f"{__name__}.{room}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
