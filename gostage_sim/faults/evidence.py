"""How a witness reads the history: the notes of its fault, and what the child sent since the fault fired."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from gostage_sim.history.model import ChildHistory, FaultRecord


def note_with(
    fault: FaultRecord, key: str, by: Literal["child", "observer", "parent", "relay"] = "child"
) -> dict[str, Any] | None:
    """The first note that has this key, from the side that must have written it; None when there is none."""
    return next((note for note in fault.notes if key in note and note.get("by") == by), None)


def refusal(fault: FaultRecord, child: ChildHistory) -> str | None:
    """The errno with which the kernel refused to start such a child, when indeed none ran; None otherwise."""
    note = note_with(fault, "refused", by="parent")
    if note is None or child.exit is not None or len(child.sent):
        return None
    return f"{note['refused']}, and no child ran"


def sent_times(
    child: ChildHistory, since_ns: int, until_ns: int | None = None, wanted: Callable[[str], bool] | None = None
) -> NDArray[np.uint64]:
    """When the child recorded messages of the wanted types (default: all but the engine's own) in this time."""
    from gostage_sim.history.model import ENGINE_TYPES

    def is_wanted(name: str) -> bool:
        return name not in ENGINE_TYPES if wanted is None else wanted(name)

    rows = child.sent.rows
    seen = rows["t_ns"] >= since_ns
    if until_ns is not None:
        seen &= rows["t_ns"] <= until_ns
    for index, name in enumerate(child.sent.types):
        if not is_wanted(name):
            seen &= rows["type"] != index
    times: NDArray[np.uint64] = rows["t_ns"][seen]
    return times


def ending(child: ChildHistory) -> str:
    """How the process ended, in the kernel's words: `killed by SIGKILL`, `exited with 1`, `still alive at the end`."""
    if child.exit is None:
        return "still alive at the end"
    return f"killed by {child.exit.signal}" if child.exit.signal else f"exited with {child.exit.exit_code}"
