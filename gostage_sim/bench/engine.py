"""What the engine itself costs, without children: `gostage-sim bench engine`.

Every figure is taken in a process of its own, `python -m gostage_sim.bench.engine NAME`, as processor time: nothing
here waits, and what else the machine does is not ours. The collector stays on. Each is taken several times and the best
counts, as `timeit` does it: disturbances only ever add. Workflows are built outside of the time that is measured. Both
sides of a growth build 100,000 actions before they run them, and keep all of them: what the collector and the caches of
the processor lose to a larger heap is the same on both, and what is left is what a longer workflow costs.
"""

from __future__ import annotations

import gc
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass

from gostage_sim.bench import INSTALLED_IN
from gostage_sim.gostage import Action, ActionContext, Runner, Stage, Store, Workflow

MANY = 100_000
FIGURES: dict[str, Callable[[], float]] = {}


def figure(function: Callable[[], float]) -> Callable[[], float]:
    FIGURES[function.__name__] = function
    return function


class Noop(Action):
    """Does nothing."""

    def execute(self, ctx: ActionContext) -> None:
        pass


class Adder(Action):
    """Adds an action that does nothing."""

    def execute(self, ctx: ActionContext) -> None:
        ctx.add_dynamic_action(Noop("added"))


class FarAdder(Action):
    """Adds an action that does nothing to the last stage."""

    def execute(self, ctx: ActionContext) -> None:
        ctx.add_action_to_stage("last", Noop("added"))


class StageAdder(Action):
    """Adds a stage of one action that does nothing."""

    def execute(self, ctx: ActionContext) -> None:
        ctx.add_dynamic_stage(Stage(f"{ctx.stage.id}+", actions=[Noop("added")]))


def us_per_action(kind: type[Action], count: int, workflows: int = 1, *, alone: bool = False) -> float:
    """Microseconds for each of `count` actions of a workflow, dynamic ones included, over so many workflows.

    Each action is `alone` in a stage of its own, or all are in one.
    """
    runner = Runner()
    actions = [[kind(f"a{i}") for i in range(count)] for _ in range(workflows)]
    built = [
        Workflow(
            "bench",
            stages=[Stage(one.name, actions=[one]) for one in row]
            if alone
            else [Stage("main", actions=row), Stage("last")],
        )
        for row in actions
    ]
    started = time.process_time()
    for workflow in built:
        runner.execute(workflow)
    spent = time.process_time() - started
    return spent / sum(stage.action_count for workflow in built for stage in workflow.stages) * 1e6


@figure
def noop_action() -> float:
    return us_per_action(Noop, 10_000)


@figure
def noop_of_100() -> float:
    return us_per_action(Noop, 100, MANY // 100)


@figure
def noop_of_100_000() -> float:
    return us_per_action(Noop, MANY)


@figure
def dynamic_action() -> float:
    return us_per_action(Adder, 5_000)


@figure
def dynamic_of_100() -> float:
    return us_per_action(Adder, 100, MANY // 100)


@figure
def dynamic_of_100_000() -> float:
    return us_per_action(Adder, MANY)


@figure
def far_of_100() -> float:
    return us_per_action(FarAdder, 100, MANY // 100)


@figure
def far_of_100_000() -> float:
    return us_per_action(FarAdder, MANY)


@figure
def stages_of_100() -> float:
    return us_per_action(StageAdder, 100, MANY // 1000, alone=True)


@figure
def stages_of_10_000() -> float:
    return us_per_action(StageAdder, MANY // 10, alone=True)


@figure
def store_put() -> float:
    store, keys = Store(), [f"key-{i % 1000}" for i in range(MANY)]
    started = time.process_time()
    for key in keys:
        store.put(key, 1)
    return (time.process_time() - started) / MANY * 1e6


@figure
def store_get() -> float:
    store, keys = Store({f"key-{i}": i for i in range(1000)}), [f"key-{i % 1000}" for i in range(MANY)]
    started = time.process_time()
    for key in keys:
        store.get(key, int)
    return (time.process_time() - started) / MANY * 1e6


def bytes_of_each(count: int, make: Callable[[Workflow, Stage, int], object]) -> float:
    """Bytes that each of `count` calls adds to a workflow that is not running; names and ids of the caller included."""
    workflow = Workflow("bench")
    workflow.add_stage(Stage("main"))
    main = workflow.stages[0]
    gc.collect()
    tracemalloc.start()
    for i in range(count):
        make(workflow, main, i)
    gc.collect()
    return tracemalloc.get_traced_memory()[0] / count


@figure
def idle_action() -> float:
    return bytes_of_each(20_000, lambda workflow, main, i: main.add_action(Noop(f"a{i}")))


@figure
def idle_stage() -> float:
    return bytes_of_each(20_000, lambda workflow, main, i: workflow.add_stage(Stage(f"s{i}")))


@dataclass(frozen=True, slots=True)
class Measure:
    """One row: a figure, its unit, the bound it is to keep (None: it is only stated), and what it is divided by."""

    name: str
    figure: str
    unit: str
    bound: float | None = None
    against: str = ""

    def line(self, value: float) -> str:
        if self.bound is None:
            return f"{self.name:<48} {value:>8,.{0 if self.unit == 'bytes' else 2}f} {self.unit}"
        mark = "reached" if value <= self.bound else "NOT REACHED"
        return f"{self.name:<48} {value:>8.2f} {self.unit:<5} ≤ {self.bound:g} {mark}"


MEASURES = (
    Measure("action that does nothing, of 10,000", "noop_action", "µs", 5),
    Measure("one of 100,000 against one of 100", "noop_of_100_000", "times", 1.3, "noop_of_100"),
    Measure("dynamic: 5,000 that add one each", "dynamic_action", "µs"),
    Measure("dynamic: 100,000 that add one each against 100", "dynamic_of_100_000", "times", 1.3, "dynamic_of_100"),
    Measure("dynamic, to the last stage: 100,000 against 100", "far_of_100_000", "times", 1.3, "far_of_100"),
    Measure("stages: 10,000 that add one each against 100", "stages_of_10_000", "times", 1.3, "stages_of_100"),
    Measure("store.put", "store_put", "µs", 1),
    Measure("store.get", "store_get", "µs", 1),
    Measure("memory of an idle action", "idle_action", "bytes"),
    Measure("memory of an idle stage", "idle_stage", "bytes"),
)


def main(*, rounds: int = 5, only: str = "", show: Callable[[str], None] = print) -> int:
    """Run the measures whose name contains `only`; 0 when all bounds are kept, 1 otherwise, 2 when none was chosen."""
    chosen = [measure for measure in MEASURES if only.lower() in measure.name.lower()]
    if not chosen:
        show(f"no measure has {only!r} in its name; there are:\n" + "\n".join(f"  {m.name}" for m in MEASURES))
        return 2
    kept = True
    for measure in chosen:
        value = _best(measure.figure, rounds) / (_best(measure.against, rounds) if measure.against else 1)
        kept = kept and (measure.bound is None or value <= measure.bound)
        show(measure.line(value))
    return 0 if kept else 1


def _best(name: str, rounds: int) -> float:
    return min(_taken(name) for _ in range(rounds))


def _taken(name: str) -> float:
    done = subprocess.run(
        [sys.executable, "-m", "gostage_sim.bench.engine", name],
        cwd=INSTALLED_IN,
        stdout=subprocess.PIPE,
        check=True,
        text=True,
        timeout=300,
    )
    return float(done.stdout)


if __name__ == "__main__":
    print(FIGURES[sys.argv[1]]())
