"""The frozen model of a scenario file; `loader` makes it from YAML, the harness runs it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, SkipValidation

from gostage_sim.faults.contract import Fault, Placement
from gostage_sim.units import Bytes, Seconds

Transport = Literal["json", "grpc"]
TRANSPORTS: tuple[Transport, ...] = get_args(Transport)

#: Fields that the loader fills in, no key of a file.
FILLED_IN = ("file", "line", "parameters", "combination")


#: With an upper bound, as nothing that waits can wait for ever: the system's own calls refuse long times.
Timeout = Annotated[Seconds, Field(ge=0.001, le=24 * 3600)]
NotBlank = Annotated[str, Field(pattern=r"\S", description="text that is not blank")]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)


class Send(_Part):
    """Send `count` messages of one type. `{i}` in the payload is the number of the message, `{faker.name}` a name."""

    count: Annotated[int, Field(ge=1, le=100_000_000)] = 1
    """How many."""
    type: NotBlank = "message"
    """Of which type: what handlers are registered for."""
    payload: Any = {"i": "{i}"}
    """What each carries: any value, with `{i}` and `{faker.name}` in its texts."""
    size: Annotated[Bytes, Field(ge=0, le=2**30)] = 0
    """Length of a `text` in each payload, which must be a mapping then."""
    bulk: bool = False
    """Through `send_many()`, in blocks, instead of one `send()` a message."""


class Call(_Part):
    """Run the user's own action: an importable function of one argument, the action context. What it is given stands
    beside it, under `with`."""

    target: Annotated[str, Field(pattern=r"^[\w.]+:[\w.]+$", description="text such as myapp.jobs:import_csv")]
    """Which function of which module; it stands behind `call:` itself."""
    with_: Annotated[dict[str, Any], Field(alias="with")] = {}
    """What the action finds in its parameters."""


class Log(_Part):
    """Send one log message through the action's logger."""

    message: str
    """What it says."""
    level: Literal["debug", "info", "warning", "error"] = "info"
    """How serious it is."""


class Put(_Part):
    """Put a value into the child's store; it comes back in `final_store`."""

    key: str
    """Under which it is found."""
    value: Any = None
    """Any value."""


class Delete(_Part):
    """Delete a key from the child's store; the step fails when there is none."""

    key: str
    """Which one."""


#: Of one step. A longer one would be taken for a child that hangs.
StepTime = Annotated[Seconds, Field(ge=0, le=60)]


class Sleep(_Part):
    """Do nothing for so long, in the child."""

    duration: StepTime
    """How long."""


class Spin(_Part):
    """Use so much CPU time, in the thread of the action."""

    duration: StepTime
    """How much."""


class Allocate(_Part):
    """Take memory, write to all of it, and keep it to the end of the child."""

    size: Annotated[Bytes, Field(ge=1, le=2**32)]
    """How much."""


class OpenFiles(_Part):
    """Open so many descriptors, and keep them to the end of the child."""

    count: Annotated[int, Field(ge=1, le=100_000)]
    """How many."""


class Threads(_Part):
    """Start so many threads, which are parked to the end of the child."""

    count: Annotated[int, Field(ge=1, le=10_000)]
    """How many."""


class Spawn(_Part):
    """Run a sub-workflow in a child of the child, by a runner of its own, and wait for it.

    It speaks JSON to the child, which passes each message on as its own, so that `handled` counts them like any other.
    The step fails when it does not complete.
    """

    steps: tuple[Step, ...]
    """What it does, one after the other."""
    timeout: Timeout = 10.0
    """Of this child of the child."""


#: How deep `spawn` may stand in `spawn`: each is a process that waits for another.
MOST_SPAWNS_IN_SPAWNS = 3

Step = Send | Call | Log | Put | Delete | Sleep | Spin | Allocate | OpenFiles | Threads | Spawn

#: The key that may be all of a step: `send: 5` is `send: {count: 5}`.
SHORT_FORMS: dict[type[Step], str] = {
    Send: "count",
    Log: "message",
    Delete: "key",
    Sleep: "duration",
    Spin: "duration",
    Allocate: "size",
    OpenFiles: "count",
    Threads: "count",
}


def step_name(cls: type[Step]) -> str:
    """What a file calls the step of this class: `open_files` for `OpenFiles`."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", cls.__name__).lower()


class PlacedFault(_Part):
    """One fault at one point."""

    fault: Annotated[Fault, SkipValidation]  # a protocol: the loader made it from the class of its kind
    at: Placement
    line: int = 0
    """Line of the scenario file, 0 when it did not come from one."""
    every: int = 0
    """It strikes again each time so many more messages are sent."""
    times: int = 1
    """How often, the first time included."""
    probability: float = 1.0
    """Each time by itself the seed chooses whether it is part of the run."""

    def strikes(self) -> Iterator[Placement]:
        """Every point at which it strikes."""
        for number in range(self.times):
            yield replace(self.at, message=self.at.message + number * self.every) if self.at.message else self.at


class Limits(_Part):
    """What a child may use, as the engine's `ResourceLimits`; whatever meets one ends with outcome `limit_exceeded`."""

    memory: Annotated[Bytes | None, Field(ge=2**20)] = None
    """Address space."""
    cpu: Annotated[Seconds | None, Field(ge=1, le=3600)] = None
    """CPU time, rounded up to whole seconds."""
    open_files: Annotated[int, Field(ge=16)] | None = None
    """Descriptors, its pipes and its journal included."""
    processes: Annotated[int, Field(ge=0)] | None = None
    """Of its user on this machine; root is not held to it."""
    file_size: Annotated[Bytes | None, Field(ge=2**20)] = None
    """Of any file it writes, the journal that the harness keeps in it included: 24 bytes and more a message."""


class Options(_Part):
    """How a child runs, as the engine's `SpawnOptions`."""

    nice: Annotated[int, Field(ge=-20, le=19)] | None = None
    """Its niceness; below 0 takes root."""
    umask: Annotated[int, Field(ge=0, le=0o777)] | None = None
    """Octal is written `0o027`."""
    no_new_privs: bool = False
    """Whether it may gain no privileges by what it executes."""
    environment: dict[
        str, Annotated[str, Field(pattern=r"^[^\x00]*$", description="text without null characters")]
    ] = {}
    """Variables beside those it inherits."""
    user: str | int | None = None
    """Whom a `command` runs as, which takes root. A child of ours writes a journal that nobody else may open."""
    group: str | int | None = None
    """Its group, by default that of `user`; only of a `command`."""


class Child(_Part):
    """One child, or `copies` of it. A child with faults is a victim, and so is one of which another outcome than
    `completed` is expected; any other is a sibling."""

    steps: tuple[Step, ...]
    """What it does, one after the other."""
    faults: tuple[PlacedFault, ...] = ()
    """What goes wrong, each at its point."""
    copies: Annotated[int, Field(ge=1, le=500)] = 1
    """So many of it run; their names are `name[1]`, `name[2]`."""
    timeout: Timeout | None = None
    """Of its spawn; by default what the scenario has."""
    grace: Annotated[Seconds, Field(ge=0, le=3600)] = 1.0
    """From SIGTERM to SIGKILL."""
    definition_size: Annotated[Bytes, Field(ge=0, le=2**30)] = 0
    """Its definition is padded to at least so many bytes."""
    end_daemons: bool = False
    """Whether the engine is asked to end what left the child's session, as `SpawnOptions.end_daemons`."""
    max_message: Annotated[Bytes | None, Field(ge=1024, le=2**31)] = None
    """A longer line of it goes into quarantine; by default what the engine has."""
    wave: Annotated[int, Field(ge=1, le=100)] = 1
    """Those of a later wave are spawned, on the same runner, when all of the earlier ones have returned. Children wait
    for each other in the first wave with faults; in others they run freely."""
    limits: Limits = Limits()
    """What it may use."""
    options: Options = Options()
    """How it runs."""
    launcher: Literal["this_program", "module", "fork_server"] | None = None
    """Which of the engine's launchers starts it: the parent's program again, `python -m gostage_sim.gostage.child`, or
    one warm server for all children of the scenario that want it. By default `python -m gostage_sim.harness.child`."""
    command: tuple[str, ...] = ()
    """A program that speaks the protocol, in place of a child of ours: its arguments, the program first.

    It gets a definition without actions on its stdin and keeps no journal, so nobody knows what it sent: `order`,
    `no-loss`, `no-duplicate`, `no-phantom` and `quarantine` judge the other children only, and say so. What is known is
    judged: its outcome by the kernel, how long `spawn()` took, and what `expect` says of it. Exit code 0 without a
    result is `completed`. It has neither steps nor faults, and is no sibling.
    """


class Handler(_Part):
    """What the subject's handler of one message type does besides recording it. Messages are counted for each child."""

    delay: Annotated[Seconds, Field(ge=0, le=60)] = 0.0
    """At each message."""
    raise_every: Annotated[int, Field(ge=1)] | None = None
    """It raises at every so many messages; the engine records the first hundred errors of a child."""
    block: Annotated[Seconds, Field(ge=0, le=60)] = 0.0
    """At message `at` it returns so much later."""
    spawn: bool = False
    """At message `at` of the first child that comes to it, it spawns a fresh child on the same runner and waits."""
    exit: bool = False
    """At message `at` it calls `sys.exit()`, which passes through `spawn()`; expect `raises: SystemExit` of a child."""
    at: Annotated[int, Field(ge=1)] = 1
    """Where `block`, `spawn` and `exit` happen, in this order."""


class Count(_Part):
    """How many: exactly, or within bounds."""

    at_least: Annotated[int, Field(ge=0)] = 0
    """No fewer."""
    at_most: Annotated[int, Field(ge=0)] | None = None
    """No more; by default any number."""


Outcome = Literal[
    "completed",
    "failed",
    "panicked",
    "exited",
    "signaled",
    "timed_out",
    "cancelled",
    "limit_exceeded",
    "protocol_error",
    "start_failed",
]


class Expectation(_Part):
    """What must be true of one child, and of each of its copies, in the end. What is not given is not checked."""

    outcome: Outcome | None = None
    """What `spawn()` says of it."""
    exit_code: Annotated[int, Field(ge=0, le=255)] | None = None
    """Of its process."""
    signal: Annotated[str, Field(pattern=r"^SIG[A-Z0-9]+$", description="a signal name such as SIGSEGV")] | None = None
    """Which killed it."""
    handled: Annotated[int, Field(ge=0)] | Count | None = None
    """Messages of the child's steps and faults that handlers saw."""
    malformed: Annotated[int, Field(ge=0)] | Count | None = None
    """Lines the engine put into quarantine."""
    handler_errors: Annotated[int, Field(ge=0)] | Count | None = None
    """Errors of handlers that the engine recorded; it keeps the first hundred of a child."""
    error: str | None = None
    """Part of the child's error text; between slashes, `/no .* left/`, a regular expression that matches somewhere."""
    stderr: str | None = None
    """The same, of the end of the child's stderr."""
    final_store: dict[str, Any] | None = None
    """Keys that came back from its store, with just these values; there may be others."""
    raises: Literal["SystemExit", "KeyboardInterrupt"] | None = None
    """What passes through `spawn()` instead of a result, because a handler raised it, or a signal that interrupts the
    parent (`interrupt_parent`)."""


class SizeRange(_Part):
    """How much, within bounds."""

    at_least: Annotated[Bytes, Field(ge=0)] = 0
    """No less."""
    at_most: Annotated[Bytes | None, Field(ge=0)] = None
    """No more; by default any size."""


class TimeRange(_Part):
    """How long, within bounds."""

    at_least: Annotated[Seconds, Field(ge=0)] = 0.0
    """No less."""
    at_most: Annotated[Seconds | None, Field(ge=0)] = None
    """No more; by default any time."""


class RunExpectation(_Part):
    """What must be true of the whole run in the end, all children of the file together. What is not given is not
    checked, and nothing is where the seed left out a fault."""

    handled: Annotated[int, Field(ge=0)] | Count | None = None
    """Messages of steps and faults that handlers saw."""
    malformed: Annotated[int, Field(ge=0)] | Count | None = None
    """Lines the engine put into quarantine."""
    handler_errors: Annotated[int, Field(ge=0)] | Count | None = None
    """Errors of handlers that the engine recorded; it keeps the first hundred of each child."""
    refused_calls: Annotated[int, Field(ge=0)] | Count | None = None
    """Calls that the parent's gRPC server refused; over JSON there are none."""
    strangers: Annotated[int, Field(ge=0)] | Count | None = None
    """Connections to the parent's gRPC server that were no child's; over JSON there are none."""
    memory_growth: SizeRange | None = None
    """What the parent held at its peak over what it held before the first spawn; sampled twenty times a second."""
    duration: TimeRange | None = None
    """From the first spawn until the last child has returned."""


Versions = Annotated[
    str,
    Field(
        pattern=r"^\s*(>=|<=|==|>|<)\s*\d+(\.\d+)*\s*(,\s*(>=|<=|==|>|<)\s*\d+(\.\d+)*\s*)*$",
        description="versions such as '>=3.12' or '>=3.11, <3.13'",
    ),
]


class OnlyOn(_Part):
    """Where a scenario can run; elsewhere it is skipped, with the reason and with what is lacking."""

    reason: NotBlank
    """What it needs that others do not have; shown wherever it is skipped."""
    transports: tuple[Transport, ...] | None = None
    """One of these."""
    platform: tuple[Literal["linux", "darwin", "freebsd", "win32"], ...] | None = None
    """One of these, as Python's `sys.platform` says."""
    root: bool | None = None
    """true: as root and nobody else; false: as anybody but root."""
    python: Versions | None = None
    """The version of Python."""
    kernel: Versions | None = None
    """The release of the operating system's kernel."""
    memory_group: Literal[True] | None = None
    """true: where the observer may make a cgroup with a limit of memory, as `out_of_memory` needs."""
    tmpfs: Literal[True] | None = None
    """true: where a tmpfs may be mounted, as `small_disk` needs."""


class Scenario(_Part):
    """One file."""

    name: NotBlank
    """What reports call it; no other scenario may have it."""
    description: str = ""
    """What is proved, in a sentence."""
    tags: tuple[str, ...] = ()
    """For `--tag` and `-k`."""
    transports: tuple[Transport, ...] = TRANSPORTS
    """Over which it runs; by default over all, and the results are compared."""
    timeout: Timeout = 20.0
    """For the whole scenario; the observer ends a subject that takes longer."""
    children: dict[str, Child]
    """What runs side by side, by name."""
    handlers: dict[str, Handler] = {}
    """What the parent's handlers do, by message type."""
    expect: dict[str, Expectation] = {}
    """What must have become of each child in the end, by its name."""
    expect_on: dict[Transport, dict[str, Expectation]] = {}
    """In place of `expect` on that transport; what is expected there may differ from the other."""
    expect_run: RunExpectation | None = None
    """What must have become of all of them together."""
    expect_verdict: dict[str, Literal["fail"]] = {}
    """Guarantees that must fail, because no parent can hide what the faults do; the scenario passes only if they do."""
    guarantees: Literal["all"] | tuple[str, ...] = "all"
    """What is judged: all, which are those that apply, or these."""
    twin: bool = False
    """Run it without its faults first, and compare what became of the siblings: takes twice the time."""
    file: str = ""
    """Where it was read from, as the user named it."""
    skip: NotBlank | None = None
    """Why it does not run anywhere for now."""
    only_on: OnlyOn | None = None
    """Where it can run; elsewhere it is skipped."""
    imports: tuple[str, ...] = ()
    """Modules the user's actions need, imported in the child before the definition is rebuilt."""
    parameters: dict[str, Any] = {}
    """Of a file with a matrix: the values of this combination."""
    combination: str = ""
    """These as text, `signal=SIGSEGV size=1KiB`; the name ends with it in brackets."""

    def expected_of(self, child: str, transport: Transport) -> Expectation | None:
        """What is expected of this child, and of each of its copies, on this transport."""
        return self.expect_on.get(transport, {}).get(child) or self.expect.get(child)


class File(Scenario):
    """What a file may say: a scenario, what it takes from other files, and how it becomes several."""

    include: tuple[str, ...] = ()
    """Fragments, relative to this file, whose mappings are laid under its own; a later one wins over an earlier one."""
    parametrize: dict[str, tuple[Any, ...]] = {}
    """A matrix: the scenario runs with each combination of these values, put in wherever `${name}` stands."""
