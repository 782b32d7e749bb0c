"""Merge, copy and clone: deep, and with all that is known about the keys."""

from __future__ import annotations

from _thread import allocate_lock

import pytest

from gostage_sim.gostage import Copied, MergeStrategy, Metadata, Store, errors


class Clock:
    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def two() -> tuple[Store, Store]:
    ours, theirs = Store({"a": 1, "both": [1]}), Store({"both": [2], "b": [3]})
    theirs.describe("both", tags=["theirs"])
    theirs.describe("workflow:w", tags=["system"])
    return ours, theirs


@pytest.mark.parametrize(
    ("strategy", "taken", "both", "tagged"),
    [
        (MergeStrategy.SKIP, 1, [1], []),
        ("skip", 1, [1], []),
        (MergeStrategy.OVERWRITE, 2, [2], ["both"]),
        ("overwrite", 2, [2], ["both"]),
    ],
)
def test_merge(strategy: MergeStrategy | str, taken: int, both: list[int], tagged: list[str]) -> None:
    """The strategy decides about keys of both; the others are taken, values with metadata, and no statuses of a run."""
    ours, theirs = two()
    assert ours.merge(theirs, strategy) == taken
    assert ours.export_all() == {"a": 1, "both": both, "b": [3]}
    assert ours.find_keys_by_tag("theirs") == tagged
    assert ours.find_keys_by_tag("system") == []
    theirs.get("b", list).append(4)
    assert ours.get("b", list) == [3]


def test_a_conflict_takes_nothing() -> None:
    """By default keys of both are an error that names them."""
    ours, theirs = two()
    assert ours.find_collisions(theirs) == ["both"]
    with pytest.raises(errors.MergeConflictError) as caught:
        ours.merge(theirs)
    assert str(caught.value) == (
        "both stores hold 'both'; merge with SKIP to keep what is here, or with OVERWRITE to replace it"
    )
    assert caught.value.keys == ("both",)
    assert ours.export_all() == {"a": 1, "both": [1]}
    with pytest.raises(ValueError, match=r"^a merge strategy is one of 'error', 'skip', 'overwrite'; found 'maybe'$"):
        ours.merge(theirs, "maybe")


def test_copies_are_counted() -> None:
    """`copy_from` counts what it copied, `copy_from_with_overwrite` also what it replaced."""
    ours, theirs = two()
    assert ours.copy_from(theirs) == 1
    ours, theirs = two()
    assert ours.copy_from_with_overwrite(theirs) == Copied(copied=1, overwritten=1) == (1, 1)
    assert ours.copy_from_with_overwrite(ours) == (0, 3)


def test_a_clone_is_independent() -> None:
    """Values, metadata and times to live are copied deeply; an object that two values share is shared by the copies."""
    clock = Clock(100.0)
    shared = [1]
    store = Store({"a": {"x": shared}, "b": shared}, clock=clock)
    store.put("short", 1, ttl=10, metadata=Metadata(["t"], {"p": [1]}, "d"))
    store.put("gone", 1, ttl=1)
    store.describe("workflow:w", tags=["system"])
    clock.now += 5
    copy = store.clone()
    shared.append(2)
    store.get_property("short", "p").append(2)
    store.add_tag("short", "later")
    store.delete("a")
    assert copy.export_all() == {"a": {"x": [1]}, "b": [1], "short": 1}
    assert copy.get("a", dict)["x"] is copy.get("b", list)
    assert copy.metadata("short") == Metadata(["t"], {"p": [1]}, "d", 100.0, 100.0)
    assert copy.find_keys_by_tag("system") == ["workflow:w"]
    clock.now += 5
    assert copy.keys() == ["a", "b"]


def test_a_remaining_time_goes_along() -> None:
    """A time to live goes on where a value is merged, also under another clock; an expired one does not collide."""
    ours, theirs = Store(clock=Clock(5.0)), Store(clock=Clock(1000.0))
    theirs.put("k", 1, ttl=10)
    ours.put("k", 0, ttl=1)
    ours.clock.now = 7.0  # type: ignore[attr-defined]
    assert ours.merge(theirs) == 1
    ours.clock.now = 16.0  # type: ignore[attr-defined]
    assert ours.get("k", int) == 1
    ours.clock.now = 17.0  # type: ignore[attr-defined]
    assert "k" not in ours


def test_imported_data_stays_imported() -> None:
    """A clone of a store reads its plain data as the store does."""
    store = Store.from_export({"k": [1]})
    assert store.clone().get("k", tuple[int, ...]) == (1,)
    other = Store()
    other.merge(store)
    assert other.get("k", tuple[int, ...]) == (1,)


def test_what_cannot_be_copied_is_named() -> None:
    """A value or property that has no copy is an error with its key."""
    store = Store({"lock": allocate_lock()})
    with pytest.raises(errors.StoreError) as caught:
        store.clone()
    assert (
        str(caught.value) == "the value under 'lock' cannot be copied: TypeError: cannot pickle '_thread.lock' object"
    )
    store.delete("lock")
    store.set_property("k", "p", allocate_lock())
    with pytest.raises(errors.StoreError) as caught:
        Store().merge(store)
    assert str(caught.value) == (
        "the properties of 'k' cannot be copied: TypeError: cannot pickle '_thread.lock' object"
    )
