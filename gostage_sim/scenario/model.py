"""The frozen model of a scenario file; `loader` makes it from YAML, the harness runs it."""

from __future__ import annotations

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
    """Run the user's own action: an importable function of one argument, the action context."""

    target: Annotated[str, Field(pattern=r"^[\w.]+:[\w.]+$")]
    with_: Annotated[dict[str, Any], Field(alias="with")] = {}


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


Step = Send | Call | Log | Put


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


class Child(_Part):
    """One child, or `copies` of it. A child with faults is a victim, one without is a sibling."""

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


class Handler(_Part):
    """What the subject's handler of one message type does besides recording it."""

    delay: Annotated[Seconds, Field(ge=0, le=60)] = 0.0
    """It sleeps so long for each message."""


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
    error: str | None = None
    """Part of the child's error text."""
    stderr: str | None = None
    """Part of the end of the child's stderr."""


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
    guarantees: Literal["all"] | tuple[str, ...] = "all"
    """What is judged: all, which are those that apply, or these."""
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
