"""The store: typed reads that say exactly what is wrong, times to live, metadata, and threads."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any, Protocol, TypedDict

import pytest

from gostage_sim import gostage
from gostage_sim.gostage import Metadata, Store, errors

from . import typed_examples


class Clock:
    """A clock that stands still until it is set."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def message(error: type[Exception], call: Callable[[], object]) -> str:
    """The text of the error that the call raises."""
    with pytest.raises(error) as caught:
        call()
    assert type(caught.value) is error
    return str(caught.value)


def test_reads_are_typed() -> None:
    """A value comes back when it is an instance of the type asked for: exact, base, abstract, union or generic."""
    names = ["a", "b"]
    store = Store({"n": 1, "flag": True, "names": names, "order": typed_examples.Order(5)})
    assert store.get("n", int) == 1
    assert store.get("flag", bool) is True
    assert store.get("n", object) == 1
    assert store.get("n", int | None) == 1
    assert store.get("names", Sequence) is names
    assert store.get("names", list[str]) is names
    assert store.get("order", typed_examples.Numbered).number == 5
    assert store.get("n", Hashable) == 1


@pytest.mark.parametrize(
    "example", [value for name, value in vars(typed_examples).items() if name.endswith(("for", "it", "rest"))]
)
def test_typed_examples(example: Callable[[Store], None]) -> None:
    """What the type checker is told about the store is what happens."""
    example(typed_examples.filled())


def test_defaults() -> None:
    """A default stands in for what is missing, not for what is of another type."""
    store = Store({"n": 1})
    assert store.get_or_default("n", 5) == 1
    assert store.get_or_default("other", 5) == 5
    assert store.get_or_default("other", None, int) is None
    assert message(errors.WrongTypeError, lambda: store.get_or_default("n", "x")) == (
        "the store holds int under 'n', not str"
    )


def test_missing_wrong_type_and_expired_are_three_errors(clock: Clock) -> None:
    """They are a KeyError, a TypeError and a KeyError, each with a sentence that names key and types."""
    store = Store({"flag": True, "names": ["a"]}, clock=clock)
    store.put("short", 1, ttl=2)
    clock.now += 5
    assert message(errors.KeyMissingError, lambda: store.get("x", int)) == "the store holds nothing under 'x'"
    assert (
        message(errors.WrongTypeError, lambda: store.get("flag", int)) == "the store holds bool under 'flag', not int"
    )
    assert message(errors.WrongTypeError, lambda: store.get("flag", str | None)) == (
        "the store holds bool under 'flag', not str | None"
    )
    assert message(errors.WrongTypeError, lambda: store.get("names", list[int])) == (
        "the store holds list under 'names', not list[int]: [0]: expected int, found str"
    )
    assert message(errors.ExpiredError, lambda: store.get("short", int)) == (
        "the value under 'short' expired 3 s ago; put it again or delete it"
    )
    assert issubclass(errors.KeyMissingError, KeyError)
    assert issubclass(errors.WrongTypeError, TypeError)
    assert issubclass(errors.ExpiredError, KeyError)
    assert not issubclass(errors.ExpiredError, errors.KeyMissingError)


def test_what_is_no_type() -> None:
    """Asking for something that cannot be checked is an error that says what to ask for."""

    class Unchecked(Protocol):
        x: int

    class Row(TypedDict):
        x: int

    store = Store({"n": 1})
    asked: Any = 5
    assert message(errors.StoreError, lambda: store.get("n", asked)) == (
        "5 is no type; ask for a class, an abstract class, a protocol or a union"
    )
    assert message(errors.StoreError, lambda: store.get("n", Row)) == (
        "test_what_is_no_type.<locals>.Row is a TypedDict, which is no class at run time; ask for dict"
    )
    assert message(errors.StoreError, lambda: store.get("n", Unchecked)) == (
        "test_what_is_no_type.<locals>.Unchecked cannot be checked at run time; "
        "decorate the protocol with @runtime_checkable"
    )


def test_keys_are_text() -> None:
    """A key that is no str is refused; a member of a str enum is its text."""

    class Key(StrEnum):
        A = "a"

    assert message(errors.StoreError, lambda: Store().put(1, "x")) == "a store key is a str; found 1"  # type: ignore[arg-type]
    store = Store()
    store.put(Key.A, 1)
    assert [type(key) for key in store] == [str]
    assert store.get(Key.A, int) == 1


def test_order_deletion_and_export() -> None:
    """Keys keep the order of their first put, a deleted one is gone, and the export is a copy."""
    store = Store()
    store.put("b", 1)
    store.put("a", 2)
    store.put("b", 3)
    exported = store.export_all()
    assert (list(store), len(store), store.count(), "a" in store) == (["b", "a"], 2, 2, True)
    assert (store.delete("b"), store.delete("b")) == (True, False)
    assert exported == {"b": 3, "a": 2}
    assert store.keys() == ["a"]
    assert repr(store) == "Store(1 values)"


def test_types() -> None:
    """Types are listed by key, and keys found by type, base classes included; a bool is no int."""
    store = Store({"n": 1, "flag": True, "names": ["a"], "zero": 0})
    assert store.types() == {"n": int, "flag": bool, "names": list, "zero": int}
    assert store.keys_by_type(int) == ["n", "zero"]
    assert store.keys_by_type(bool) == ["flag"]
    assert store.keys_by_type(Sequence) == ["names"]
    assert store.keys_by_type(int | list) == ["n", "flag", "names", "zero"]


def test_expired_values_count_as_missing(clock: Clock) -> None:
    """When its time is over a value is in nothing that lists values, and its key says so until it is removed."""
    store = Store({"stays": 0}, clock=clock)
    store.put("goes", 1, ttl=timedelta(seconds=10), metadata=Metadata(tags=["t"]))
    clock.now += 9.5
    assert store.get("goes", int) == 1
    clock.now += 0.5
    assert (store.keys(), store.count(), len(store), "goes" in store) == (["stays"], 1, 1, False)
    assert (store.types(), store.keys_by_type(int), store.export_all()) == ({"stays": int}, ["stays"], {"stays": 0})
    assert store.find_keys_by_tag("t") == []
    assert store.get_or_default("goes", 7) == 7
    assert store.metadata("goes").created_at == 1000.0
    assert (store.remove_expired(), store.remove_expired()) == (1, 0)
    assert message(errors.KeyMissingError, lambda: store.get("goes", int)) == "the store holds nothing under 'goes'"


def test_a_put_begins_a_new_life(clock: Clock) -> None:
    """A put without a time to live makes the value stay, and one over an expired value begins with no metadata."""
    store = Store(clock=clock)
    store.put("a", 1, ttl=1)
    store.put("a", 2)
    store.put("b", 1, ttl=1, metadata=Metadata(tags=["old"]))
    clock.now += 5
    store.put("b", 2)
    assert (store.get("a", int), store.get("b", int)) == (2, 2)
    assert store.metadata("b") == Metadata(created_at=1005.0, updated_at=1005.0)


def test_a_wrong_argument_stores_nothing() -> None:
    """A time to live or metadata of another type is refused before anything is put."""
    store = Store({"k": "old"})
    wrong: Any = {"tags": ["a"]}
    assert message(TypeError, lambda: store.put("k", 1, metadata=wrong)) == (
        "the metadata of 'k' is a Metadata; found {'tags': ['a']}"
    )
    wrong = "5"
    assert message(TypeError, lambda: store.put("k", 1, ttl=wrong)) == (
        "the time to live of 'k' is a number of seconds or a timedelta; found '5'"
    )
    assert store.export_all() == {"k": "old"}


@pytest.mark.parametrize(
    "call",
    [
        lambda store: Metadata(tags="io"),
        lambda store: store.describe("k", tags="io"),
        lambda store: store.find_keys_by_all_tags("io"),
        lambda store: store.find_keys_by_any_tag("io"),
    ],
    ids=["Metadata", "describe", "all_tags", "any_tag"],
)
def test_a_lone_string_is_no_list_of_tags(call: Callable[[Store], object]) -> None:
    """A string instead of a list of tags is an error, and not a list of letters."""
    store = Store({"k": 1})
    assert message(TypeError, lambda: call(store)) == (
        "tags are a list of strings; found the string 'io', write ['io']"
    )
    assert store.metadata("k").tags == frozenset()


@pytest.mark.parametrize("ttl", [0, -1, float("nan"), timedelta(0)])
def test_a_time_to_live_is_positive(ttl: float | timedelta) -> None:
    """A value cannot be put with no time to live."""
    assert message(errors.StoreError, lambda: Store().put("k", 1, ttl=ttl)) == (
        f"the time to live of 'k' is more than 0 seconds; found {ttl!r}"
    )


def test_metadata(clock: Clock) -> None:
    """A key has tags, properties, a description and the times of its first put and its last change."""
    store = Store(clock=clock)
    store.put("k", 1, metadata=Metadata(tags=["a"], properties={"p": 1}, description="d"))
    clock.now += 1
    store.put("k", 2)
    assert store.metadata("k") == Metadata(["a"], {"p": 1}, "d", 1000.0, 1001.0)
    clock.now += 1
    store.describe("k", tags=["b"], properties={"q": 2})
    store.set_property("k", "p", 3)
    assert store.metadata("k") == Metadata(["a", "b"], {"p": 3, "q": 2}, "d", 1000.0, 1002.0)
    store.put("k", 3, metadata=Metadata(description="new"))
    assert store.metadata("k") == Metadata((), {}, "new", 1000.0, 1002.0)
    assert repr(store.metadata("k")) == (
        "Metadata(created_at=1000.0, description='new', properties={}, tags=frozenset(), updated_at=1002.0)"
    )
    assert store.metadata("k") != "new"


def test_a_snapshot_of_metadata_changes_nothing(clock: Clock) -> None:
    """What `metadata` returns is the reader's own."""
    store = Store(clock=clock)
    store.describe("k", tags=["a"], properties={"p": 1})
    snapshot = store.metadata("k")
    snapshot.properties["p"] = 2
    snapshot.tags.clear() if isinstance(snapshot.tags, set) else None
    assert store.metadata("k") == Metadata(["a"], {"p": 1}, "", 1000.0, 1000.0)


def test_keys_without_a_value_can_be_described() -> None:
    """They are found by what describes them, are in no list of values, and outlive `clear` but not `delete`."""
    store = Store({"v": 1})
    store.describe("workflow:w", description="a run")
    store.add_tag("workflow:w", "system")
    store.set_property("stage:s", "status", "running")
    assert (store.keys(), store.count(), store.export_all()) == (["v"], 1, {"v": 1})
    assert (store.metadata("workflow:w").tags, store.metadata("workflow:w").description) == ({"system"}, "a run")
    assert store.get_property("stage:s", "status") == "running"
    assert (store.get_property("stage:s", "x", 5), store.get_property("nowhere", "x")) == (5, None)
    store.clear()
    assert (store.keys(), store.find_keys_by_tag("system")) == ([], ["workflow:w"])
    assert store.delete("workflow:w") is False
    assert message(errors.KeyMissingError, lambda: store.metadata("workflow:w")) == (
        "the store knows nothing about 'workflow:w'"
    )
    assert message(errors.KeyMissingError, lambda: store.metadata("v")) == "the store knows nothing about 'v'"


def test_keys_are_found_by_tags_and_properties() -> None:
    """By one tag, all of several, any of several, and by a property's value."""
    store = Store({"plain": 0})
    store.put("ab", 1, metadata=Metadata(["a", "b"], {"size": 1}))
    store.put("b", 2, metadata=Metadata(["b"], {"size": None}))
    assert store.find_keys_by_tag("b") == ["ab", "b"]
    assert store.find_keys_by_all_tags(["a", "b"]) == ["ab"]
    assert store.find_keys_by_all_tags([]) == []
    assert store.find_keys_by_any_tag(["a", "x"]) == ["ab"]
    assert store.find_keys_by_any_tag([]) == []
    assert store.find_keys_by_property("size", None) == ["b"]
    assert (store.remove_tag("ab", "a"), store.remove_tag("ab", "a"), store.remove_tag("x", "a")) == (
        True,
        False,
        False,
    )
    assert store.find_keys_by_tag("a") == []


THREADS = 8


def together(work: Callable[[int], None]) -> None:
    """Run `work(number)` in threads that begin at the same moment, and raise what one of them raised."""
    barrier = threading.Barrier(THREADS)
    failures: list[BaseException] = []

    def begin(number: int) -> None:
        try:
            barrier.wait()
            work(number)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=begin, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


@dataclass(frozen=True)
class Account:
    counters: dict[str, int]
    left: int = 0
    right: int = 0


def test_threads_share_it() -> None:
    """Puts, deletes and reads of several threads do not disturb each other."""
    store = Store()

    def work(me: int) -> None:
        for i in range(200):
            store.put(f"{me}-{i}", i, ttl=None if i % 3 else 1000)
            assert store.keys()
            if i % 2:
                store.delete(f"{me}-{i}")

    together(work)
    assert store.count() == THREADS * 100


@pytest.mark.usefixtures("restless")
def test_no_update_is_lost_or_seen_by_half() -> None:
    """Updates of different fields of one value by many threads all arrive; readers see both halves or none."""
    store = Store({"account": Account({str(number): 0 for number in range(THREADS)})})

    def work(me: int) -> None:
        for i in range(1, 51):
            store.update_fields("account", {f"counters.{me}": i, "left": me, "right": me})
            seen = store.get("account", Account)
            assert seen.left == seen.right

    together(work)
    assert store.get("account", Account).counters == {str(number): 50 for number in range(THREADS)}


def test_two_stores_that_merge_each_other_do_not_wait_forever() -> None:
    """Merging takes one lock after the other, never both."""
    one, two = Store({"a": 1}), Store({"b": 2})

    def work(me: int) -> None:
        for _ in range(20):
            one.merge(two, "overwrite") if me % 2 else two.merge(one, "overwrite")

    together(work)
    assert one.export_all() == {"a": 1, "b": 2}
    assert two.export_all() == {"b": 2, "a": 1}


def test_the_facade_has_what_a_reader_needs() -> None:
    """The types that the store takes and returns are public names."""
    names: Mapping[str, object] = vars(gostage) | {name: getattr(gostage, name) for name in gostage.__all__}
    assert {"Store", "Metadata", "MergeStrategy", "Copied", "Exported"} <= set(names)
