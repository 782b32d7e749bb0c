"""The witness that `no-duplicate` and `no-phantom` share: several children on the one runner, and messages handled.

With a single child there is nobody whose message could be delivered to another, or twice.
"""

from __future__ import annotations

from gostage_sim.guarantees.wording import count
from gostage_sim.history.model import History


def spawns(history: History) -> int:
    """How many children were spawned on the runner."""
    return sum(child.spawned_ns is not None for child in history.children)


def not_shared(history: History, handled: int) -> list[str]:
    """What is missing of the witness, in sentences."""
    missing = []
    seen = spawns(history)
    if seen < 2:
        were = "was" if seen == 1 else "were"
        missing.append(f"only {count(seen, 'spawn')} {were} seen on the runner; at least 2 are needed")
    if not handled:
        missing.append("no message was handled at all")
    return missing
