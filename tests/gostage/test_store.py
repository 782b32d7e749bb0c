"""The store: typed reads that say exactly what is wrong."""

from __future__ import annotations

import threading

import pytest

from gostage_sim import gostage
from gostage_sim.gostage import errors


def test_reads_are_typed() -> None:
    """A value comes back when it is an instance of the type asked for, base classes and unions included."""
    store = gostage.Store({"n": 1, "flag": True})
    assert store.get("n", int) == 1
    assert store.get("flag", bool) is True
    assert store.get("n", object) == 1
    assert store.get_or_default("n", 5) == 1
    assert store.get_or_default("other", 5) == 5


def test_missing_and_wrong_type_are_two_errors() -> None:
    """A missing key is a KeyError and a wrong type is a TypeError, each with a sentence that names key and types."""
    store = gostage.Store({"flag": True})
    with pytest.raises(errors.KeyMissingError) as missing:
        store.get("x", int)
    assert str(missing.value) == "the store holds nothing under 'x'"
    assert isinstance(missing.value, KeyError)
    with pytest.raises(errors.WrongTypeError) as wrong:
        store.get("flag", int)
    assert str(wrong.value) == "the store holds bool under 'flag', not int"
    with pytest.raises(errors.WrongTypeError) as union:
        store.get("flag", str | None)  # type: ignore[arg-type]
    assert str(union.value) == "the store holds bool under 'flag', not str | None"


def test_keys_are_text() -> None:
    """A key that is no str is refused."""
    with pytest.raises(errors.StoreError) as caught:
        gostage.Store().put(1, "x")  # type: ignore[arg-type]
    assert str(caught.value) == "a store key is a str; found 1"


def test_order_deletion_and_export() -> None:
    """Keys keep the order of their first put, a deleted one is gone, and the export is a copy."""
    store = gostage.Store()
    store.put("b", 1)
    store.put("a", 2)
    store.put("b", 3)
    exported = store.export_all()
    assert (list(store), len(store), "a" in store) == (["b", "a"], 2, True)
    assert (store.delete("b"), store.delete("b")) == (True, False)
    assert exported == {"b": 3, "a": 2}
    assert store.keys() == ["a"]


def test_threads_share_it() -> None:
    """Puts, deletes and reads of several threads do not disturb each other."""
    store = gostage.Store()

    def work(me: int) -> None:
        for i in range(500):
            store.put(f"{me}-{i}", i)
            assert len(store.keys()) > 0
            if i % 2:
                store.delete(f"{me}-{i}")

    threads = [threading.Thread(target=work, args=(me,)) for me in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(store) == 4 * 250
