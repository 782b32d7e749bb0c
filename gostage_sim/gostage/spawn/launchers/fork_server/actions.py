"""Registrations as bytes: by reference what a child can import, by value (dill) what was made by running code.

They travel from the parent to the child only. What a child produces is JSON, and nothing of it is ever unpickled.
"""

from __future__ import annotations

import pickle
import sys
from importlib import import_module

from gostage_sim.gostage.errors import RegistrationError, safe_str
from gostage_sim.gostage.registry import Entry, adopt

ModuleType = type(sys)
FunctionType = type(import_module)
TYPE_CHECKING = False  # see gostage/__init__.py
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Any

    from gostage_sim.gostage.actions import Action

_GLOBALS_OF_MAIN = b"c__main__\n__dict__\n"
"""As dill refers to them; a child of the server has others."""

Packed = tuple[str, str, bytes]
"""Id, place of registration, and the pickled factory."""


def pack(entries: Mapping[str, Entry]) -> tuple[list[Packed], dict[str, Exception]]:
    """What travels, and why the others cannot. Their state is that of this moment."""
    packed: list[Packed] = []
    failed: dict[str, Exception] = {}
    for id, entry in entries.items():
        try:
            packed.append((id, entry.place, _pickled(entry.factory)))
        except Exception as error:  # an object's own __reduce__ may raise anything
            failed[id] = error
    return packed, failed


def _pickled(factory: object) -> bytes:
    """By the C pickler where that will do, which is a hundred times faster.

    It takes everything by reference, and `__main__` of a child is not this one: that is dill's to take by value.
    """
    try:
        data = pickle.dumps(factory)
        if b"__main__" not in data:
            return data
    except Exception:
        pass  # a closure, for instance; dill's own error is the one that counts
    try:
        return _by_value(factory, recurse=True)
    except RecursionError:
        return _by_value(factory, recurse=False)


def _by_value(factory: object, *, recurse: bool) -> bytes:
    """By dill. `recurse`: of the globals only those that it refers to, which dill cannot tell of functions that refer
    to themselves or to each other; without it a function gets the globals of its module, as the child imports that.
    """
    import io
    import threading

    import dill  # type: ignore[import-untyped]

    locks: dict[type, Callable[[], object]] = {type(make()): make for make in (threading.Lock, threading.RLock)}

    class Pickler(dill.Pickler):  # type: ignore[misc]  # dill has no types
        """Modules by name, where dill would send all that is in one which is not installed; locks new and free, where
        it would send an RLock held by nobody.
        """

        def reducer_override(self, value: object) -> Any:
            if isinstance(value, ModuleType):
                return import_module, (value.__name__,)
            if type(value) in locks:
                return locks[type(value)], ()
            if isinstance(value, type | FunctionType) and id(value) in self._postproc:  # dill warns, and then fails
                raise pickle.PicklingError(
                    f"{value.__qualname__} holds itself, as every Enum does, and cannot be imported"
                )
            return NotImplemented

    file = io.BytesIO()
    Pickler(file, recurse=recurse).dump(factory)
    data = file.getvalue()
    if _GLOBALS_OF_MAIN in data:
        raise RecursionError("functions of __main__ that refer to themselves or to each other")
    return data


def unpack(packed: Iterable[Packed]) -> None:
    """Register them in this child; each is unpickled when it is used, and no child pays for the others."""
    for id, place, data in packed:
        adopt(id, Entry(_Travelled(id, place, data), place, "", None))


class _Travelled:
    """A factory that is still in its bytes."""

    def __init__(self, id: str, place: str, data: bytes) -> None:
        self._id, self._place, self._data = id, place, data
        self._factory: Callable[[], Action] | None = None

    def __call__(self) -> Action:
        if self._factory is None:
            self._factory = self._unpickled()
        return self._factory()

    def _unpickled(self) -> Callable[[], Action]:
        import dill

        try:
            factory: Callable[[], Action] = dill.loads(self._data)
        except Exception as error:
            raise RegistrationError(
                f"action {self._id!r}, registered at {self._place}, cannot be rebuilt in the child: "
                f"{type(error).__name__}: {safe_str(error)}"
            ) from error
        return factory
