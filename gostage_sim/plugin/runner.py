"""The one observer process of a pytest session: started at the first scenario, stopped at the end of the session."""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from gostage_sim.harness.pool import ObserverPool
    from gostage_sim.harness.result import ScenarioResult
    from gostage_sim.scenario.model import Scenario, Transport
    from gostage_sim.scenario.transports import Choice

_SEED = pytest.StashKey[int]()
_RUNNER = pytest.StashKey["ScenarioRunner"]()

#: How the controller of pytest-xdist tells its workers, so that all draw from one seed.
WORKER_SEED = "gostage_seed"
TRANSPORT_VARIABLE = "GOSTAGE_IPC_TRANSPORT"


def seed_of(config: pytest.Config) -> int:
    """`--gostage-seed`, or one drawn for this session; the same in every worker of pytest-xdist."""
    if _SEED not in config.stash:
        given = config.getoption("gostage_seed")
        if given is None:
            given = getattr(config, "workerinput", {}).get(WORKER_SEED)
        config.stash[_SEED] = secrets.randbits(32) if given is None else given
    return config.stash[_SEED]


def choice_of(config: pytest.Config) -> Choice:
    """`--gostage-transport`, or what the environment says, or all."""
    choice: Any = config.getoption("gostage_transport") or os.environ.get(TRANSPORT_VARIABLE) or "all"
    if choice not in ("json", "grpc", "all"):
        raise pytest.UsageError(f"{TRANSPORT_VARIABLE}: found {choice!r}; expected json, grpc or all")
    chosen: Choice = choice
    return chosen


def transport_of(request: pytest.FixtureRequest) -> Transport:
    """That of `gostage_transport` where the test has it; else the one that was chosen, and JSON where all are."""
    if "gostage_transport" in request.fixturenames:
        chosen: Transport = request.getfixturevalue("gostage_transport")
        return chosen
    choice = choice_of(request.config)
    return "json" if choice == "all" else choice


def runner_of(config: pytest.Config) -> ScenarioRunner:
    """The session's runner; the end of the session closes it, also after Ctrl-C."""
    if _RUNNER not in config.stash:
        runner = config.stash[_RUNNER] = ScenarioRunner(seed_of(config))
        config.add_cleanup(runner.close)
    return config.stash[_RUNNER]


class ScenarioRunner:
    """Runs one scenario at a time, whichever thread asks."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._pool: ObserverPool | None = None
        self._lock = threading.Lock()

    def run(self, scenario: Scenario, transport: Transport, *, seed: int | None = None) -> ScenarioResult:
        """The result of this scenario, by default with the seed of the session."""
        from gostage_sim.harness.pool import ObserverPool
        from gostage_sim.scenario.transports import Case

        with self._lock:
            if self._pool is None:
                self._pool = ObserverPool(workers=1).__enter__()
            try:
                (result,) = self._pool.run([Case(scenario, transport)], seed=self._seed if seed is None else seed)
            except BaseException:
                # Interrupted, for example by pytest-timeout: what this observer still says belongs to no later test.
                self.close()
                raise
            return result

    def close(self) -> None:
        """Stop the observer and every process below it."""
        pool, self._pool = self._pool, None
        if pool is not None:
            with _no_interruption():
                pool.__exit__(None, None, None)


@contextlib.contextmanager
def _no_interruption() -> Iterator[None]:
    """A second Ctrl-C while processes are stopped would leave some behind."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
