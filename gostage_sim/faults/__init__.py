"""The faults: everything that can be done to a child on purpose, one small file each.

Map of the room:

* `contract`   what a fault is: parameters, points, `witness`, and its powers, of which one is to strike
* `describe`   parameters, defaults and units of a fault as text, for `gostage-sim explain`
* `bounds`     the check of parameters against the bounds in their metadata
* `evidence`   how a witness reads the history: notes, and messages sent since the fault fired
* `noop`       does nothing; read it first, it is the tutorial
* `crash` `exit` `panic`        the child ends itself
* `kill` `freeze`               the observer does it to the child from outside
* `out_of_memory`               the kernel does it, at the limit of a group of processes
* `kill_parent` `interrupt_parent`   the observer does it to the parent, while the child is at its point
* `slow` `flood` `spill`        too slow, too much
* `hang` `run_out` `fork_bomb` `respawn`   it gets no further, has no more of something, or has too many of itself
* `small_disk` it fills a disk of its own
* `mismatch`   the child lacks what its parent takes for granted
* `malformed` `interleave` `stray` `replay`   bytes that are no message, bytes from somewhere else
* `close` `second_result` `second_store`   ends of pipes closed early, the last word said twice
* `connection` `bad_request` `intruder`   gRPC alone: the connection breaks, requests are no messages, strangers knock
* `slicer` `coalescer` `latency` `bandwidth`   bytes on their way to the parent: cut, gathered, late, slow
* `corrupt` `limit_bytes` `blackhole` `slow_close`   changed, cut off, swallowed, held open
* `duplicate` `drop` `reorder`  whole messages on their way: twice, never, too late
* `small_pipe` `nonblocking`    the pipe itself
* `unstartable` `exhaust` `wrong_program`   the parent cannot start the child, or starts something else
* `pause` `bad_middleware`   the parent stands still, its own code raises
* `clock`      the parent's clock is set while children run
* `steal_status` `ignore_sigchld` `close_stdio` `lose_server`   the parent's own program stands in the engine's way
* `crash_site` `core_dumps` `odd_frames` `process_limit`   how crashes, malformed frames and a full machine are made
* `respawner`  the action of the children that `respawn` starts
* `memory_group`   a cgroup with a limit of memory, made by the observer
* `tmpfs`      a disk of a certain size, mounted nowhere
* `passage`    what faults of the stream have in common
* `tcp`        the kernel's word on a connection

A package adds its own by an entry point in the group `gostage_sim.faults` whose name is the kind; `gostage_sim.testing`
says whether it is a good one. Children import this module and the one fault they need, so it imports nothing until
asked.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

    from gostage_sim.faults.contract import Fault

__all__ = ["ENTRY_POINT_GROUP", "FaultNotLoaded", "UnknownFault", "fault_kind", "fault_kinds"]

ENTRY_POINT_GROUP = "gostage_sim.faults"

_BUILT_IN = {
    "bad_middleware": "gostage_sim.faults.bad_middleware:BadMiddleware",
    "bad_request": "gostage_sim.faults.bad_request:BadRequest",
    "bandwidth": "gostage_sim.faults.bandwidth:Bandwidth",
    "blackhole": "gostage_sim.faults.blackhole:Blackhole",
    "clock": "gostage_sim.faults.clock:Clock",
    "close": "gostage_sim.faults.close:Close",
    "close_stdio": "gostage_sim.faults.close_stdio:CloseStdio",
    "coalescer": "gostage_sim.faults.coalescer:Coalescer",
    "connection": "gostage_sim.faults.connection:Connection",
    "corrupt": "gostage_sim.faults.corrupt:Corrupt",
    "crash": "gostage_sim.faults.crash:Crash",
    "drop": "gostage_sim.faults.drop:Drop",
    "duplicate": "gostage_sim.faults.duplicate:Duplicate",
    "exhaust": "gostage_sim.faults.exhaust:Exhaust",
    "exit": "gostage_sim.faults.exit:Exit",
    "flood": "gostage_sim.faults.flood:Flood",
    "fork_bomb": "gostage_sim.faults.fork_bomb:ForkBomb",
    "freeze": "gostage_sim.faults.freeze:Freeze",
    "hang": "gostage_sim.faults.hang:Hang",
    "ignore_sigchld": "gostage_sim.faults.ignore_sigchld:IgnoreSigchld",
    "interleave": "gostage_sim.faults.interleave:Interleave",
    "intruder": "gostage_sim.faults.intruder:Intruder",
    "interrupt_parent": "gostage_sim.faults.interrupt_parent:InterruptParent",
    "kill": "gostage_sim.faults.kill:Kill",
    "kill_parent": "gostage_sim.faults.kill_parent:KillParent",
    "latency": "gostage_sim.faults.latency:Latency",
    "limit_bytes": "gostage_sim.faults.limit_bytes:LimitBytes",
    "lose_server": "gostage_sim.faults.lose_server:LoseServer",
    "malformed": "gostage_sim.faults.malformed:Malformed",
    "mismatch": "gostage_sim.faults.mismatch:Mismatch",
    "nonblocking": "gostage_sim.faults.nonblocking:Nonblocking",
    "noop": "gostage_sim.faults.noop:Noop",
    "out_of_memory": "gostage_sim.faults.out_of_memory:OutOfMemory",
    "panic": "gostage_sim.faults.panic:Panic",
    "pause": "gostage_sim.faults.pause:Pause",
    "reorder": "gostage_sim.faults.reorder:Reorder",
    "replay": "gostage_sim.faults.replay:Replay",
    "respawn": "gostage_sim.faults.respawn:Respawn",
    "run_out": "gostage_sim.faults.run_out:RunOut",
    "second_result": "gostage_sim.faults.second_result:SecondResult",
    "second_store": "gostage_sim.faults.second_store:SecondStore",
    "slicer": "gostage_sim.faults.slicer:Slicer",
    "slow": "gostage_sim.faults.slow:Slow",
    "slow_close": "gostage_sim.faults.slow_close:SlowClose",
    "small_disk": "gostage_sim.faults.small_disk:SmallDisk",
    "small_pipe": "gostage_sim.faults.small_pipe:SmallPipe",
    "spill": "gostage_sim.faults.spill:Spill",
    "steal_status": "gostage_sim.faults.steal_status:StealStatus",
    "stray": "gostage_sim.faults.stray:Stray",
    "unstartable": "gostage_sim.faults.unstartable:Unstartable",
    "wrong_program": "gostage_sim.faults.wrong_program:WrongProgram",
}


class UnknownFault(LookupError):  # noqa: N818 - named for what was found, as LookupError's own children are
    """You get it for a kind that is neither built in nor offered by an installed package."""


class FaultNotLoaded(ImportError):  # noqa: N818
    """You get it when an installed package offers what cannot be imported, is no fault, or has a name that is taken."""


def fault_kind(name: str) -> type[Fault]:
    """The class of one fault; imports that fault alone, and looks at installed packages only for a kind of theirs."""
    if name in _BUILT_IN:
        return _built_in(name)
    plug_ins = _plug_ins()
    if name in plug_ins:
        return _load(plug_ins[name])
    raise UnknownFault(_unknown(name, sorted({*_BUILT_IN, *plug_ins})))


def fault_kinds() -> dict[str, type[Fault]]:
    """Every fault there is by its kind, in alphabetical order, those of installed packages included."""
    kinds = {name: _built_in(name) for name in _BUILT_IN}
    kinds |= {name: _load(entry_point) for name, entry_point in _plug_ins().items()}
    return dict(sorted(kinds.items()))


def _built_in(name: str) -> type[Fault]:
    module, _, attribute = _BUILT_IN[name].partition(":")
    found: type[Fault] = getattr(importlib.import_module(module), attribute)
    return found


def _plug_ins() -> dict[str, EntryPoint]:
    from importlib.metadata import entry_points

    found: dict[str, EntryPoint] = {}
    for each in entry_points(group=ENTRY_POINT_GROUP):
        other = found.setdefault(each.name, each)
        if other.value != each.value:
            raise FaultNotLoaded(f"{_where(each)}: {other.value} has the same name; uninstall one of the two packages")
    return found


def _load(entry_point: EntryPoint) -> type[Fault]:
    where = _where(entry_point)
    if entry_point.name in _BUILT_IN:
        raise FaultNotLoaded(f"{where}: this name is taken by a built-in fault; give the entry point another name")
    try:
        found: type[Fault] = entry_point.load()
    except (Exception, SystemExit) as error:  # whatever a module does when it is imported
        raise FaultNotLoaded(f"{where}: cannot be imported: {type(error).__name__}: {error}") from error
    problem = _problem(found, entry_point.name)
    if problem is not None:
        raise FaultNotLoaded(f"{where}: {problem}")
    return found


def _where(entry_point: EntryPoint) -> str:
    return f"fault {entry_point.name!r} ({entry_point.value}), entry point of group {ENTRY_POINT_GROUP}"


def _problem(found: object, name: str) -> str | None:
    """What keeps it from being a fault at all; whether it is a good one is asked by `gostage_sim.testing`."""
    from dataclasses import is_dataclass

    if not (isinstance(found, type) and is_dataclass(found)):
        return f"is {found!r}; expected a class, a frozen dataclass as those of gostage_sim.faults are"
    kind = getattr(found, "kind", None)
    if kind != name:
        return f"its kind is {kind!r}; expected the name of the entry point"
    missing = [each for each in ("points", "example", "witness") if not hasattr(found, each)]
    if not (hasattr(found, "inject") or hasattr(found, "around")):
        missing.append("inject or around")
    return f"it has no {', no '.join(missing)}; see gostage_sim.faults.contract" if missing else None


def _unknown(name: str, known: list[str]) -> str:
    from difflib import get_close_matches

    close = get_close_matches(name, known, n=1)
    return f"unknown fault {name!r}; " + (f"did you mean {close[0]!r}?" if close else f"known are {', '.join(known)}")
