"""Updates inside a value by dotted path, made on copies: the old value stays whole for whoever holds it."""

from __future__ import annotations

from copy import copy
from difflib import get_close_matches
from typing import Any

from gostage_sim.gostage.errors import FieldError, safe_str
from gostage_sim.gostage.storing.conversion import MismatchError, annotations_of, convert, model_input
from gostage_sim.gostage.storing.encoding import Exported

TYPE_CHECKING = False  # see gostage/__init__.py
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    Path = tuple[str | int, ...]


class _Leaf:
    """A new value, where a branch of changes ends."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value


def updated(key: str, value: Any, changes: Mapping[Any, object]) -> Any:
    """A copy of `value` with the changes, by path; what is on no path is shared. FieldError names the path at fault."""
    tree: dict[Any, Any] = {}
    for path, new in changes.items():
        parts = tuple(path.split(".")) if isinstance(path, str) else tuple(path)
        if not parts or "" in parts:
            raise FieldError(f"store key {key!r}: {path!r} is no path; write it as 'field.0.field'")
        branch: Any = tree
        for part in parts[:-1]:
            branch = branch.setdefault(part, {})
            if isinstance(branch, _Leaf):
                break
        if isinstance(branch, _Leaf) or parts[-1] in branch:
            raise FieldError(f"store key {key!r}: two of the changes overlap at {_dotted(parts)!r}")
        branch[parts[-1]] = _Leaf(new)
    return _apply(key, value, tree, ())


def _apply(key: str, value: Any, tree: dict[Any, Any], where: Path) -> Any:
    _require_fields(key, value, tree, where)
    changes: dict[Any, Any] = {}
    for part, branch in tree.items():
        if isinstance(branch, _Leaf):
            changes[part] = branch.value
        else:
            changes[part] = _apply(key, _inside(value, part), branch, (*where, part))
    try:
        return _changed(value, changes)
    except Exception as error:  # a model's validator and __post_init__ are the application's
        paths = " and ".join(repr(_dotted((*where, part))) for part in tree)
        reason = safe_str(error) if isinstance(error, MismatchError) else f"{type(error).__name__}: {safe_str(error)}"
        raise FieldError(f"store key {key!r}: {type(value).__name__} refuses {paths}: {reason}") from error


def _require_fields(key: str, value: Any, tree: dict[Any, Any], where: Path) -> None:
    """FieldError for the first part that leads nowhere; the last part of a path may be a new key of a dict."""
    if isinstance(value, Exported):
        raise FieldError(
            f"store key {key!r}: {_dotted(where) or 'the value'} is data of {value.type_name!r} from another process; "
            "read it with get() and its class, and put the object first"
        )
    names = _names(value)
    for part, branch in tree.items():
        at = f"store key {key!r}: {_dotted((*where, part))!r}"
        if names is None:
            raise FieldError(f"{at}: {type(value).__name__} has no fields that can be updated")
        if isinstance(value, dict) and isinstance(branch, _Leaf):
            continue
        if isinstance(value, list | tuple) and not hasattr(value, "_fields"):
            index = _index(part)
            if index is None or not 0 <= index < len(value):
                raise FieldError(f"{at}: {type(value).__name__} has no index {part}; it has {len(value)} items")
        elif part not in names:
            close = get_close_matches(str(part), [str(name) for name in names], n=1)
            hint = f"; did you mean {close[0]!r}?" if close else ""
            what = "key" if isinstance(value, dict) else "field"
            raise FieldError(f"{at}: {type(value).__name__} has no {what} {part!r}{hint}")


def _names(value: Any) -> Iterable[Any] | None:
    """What a path may name next, or None when it ends here."""
    kind = type(value)
    if isinstance(value, dict):
        return value.keys()
    if isinstance(value, list | tuple):
        return getattr(value, "_fields", ())
    if hasattr(kind, "__dataclass_fields__"):
        return [name for name in kind.__dataclass_fields__ if hasattr(value, name)]
    if hasattr(kind, "__pydantic_fields__"):
        return [*kind.__pydantic_fields__, *(value.__pydantic_extra__ or ())]
    return getattr(kind, "__struct_fields__", None)


def _inside(value: Any, part: Any) -> Any:
    if isinstance(value, dict):
        return value[part]
    if isinstance(value, list | tuple) and not hasattr(value, "_fields"):
        return value[_index(part)]  # type: ignore[index]
    return getattr(value, part)


def _index(part: Any) -> int | None:
    if isinstance(part, int):
        return part
    return int(part) if part.isascii() and part.isdigit() else None


def _changed(value: Any, changes: dict[Any, Any]) -> Any:
    """A copy with these fields, checked as its kind does."""
    kind = type(value)
    if isinstance(value, dict):
        mapping = copy(value)
        mapping.update(changes)
        return mapping
    if isinstance(value, list | tuple) and not hasattr(value, "_fields"):
        items = list(value)
        for part, new in changes.items():
            items[_index(part)] = new  # type: ignore[index]
        if isinstance(value, tuple):
            return kind(items)
        sequence = copy(value)
        sequence[:] = items
        return sequence
    if hasattr(kind, "__pydantic_fields__") and not hasattr(kind, "__dataclass_fields__"):
        return _changed_model(value, changes)
    hints = annotations_of(kind)
    changes = {name: convert(new, hints.get(name, Any), f".{name}") for name, new in changes.items()}
    if hasattr(value, "_fields"):
        return value._replace(**changes)
    if hasattr(kind, "__dataclass_fields__"):
        return _changed_dataclass(value, changes)
    from msgspec.structs import replace

    return replace(value, **changes)


def _changed_dataclass(value: Any, changes: dict[str, Any]) -> Any:
    """Not `dataclasses.replace`: it sets fields with `init=False` back to their defaults."""
    twin = copy(value)
    for name, new in changes.items():
        object.__setattr__(twin, name, new)  # also into a frozen one
    kinds = {field._field_type.name for field in type(value).__dataclass_fields__.values()}
    if hasattr(twin, "__post_init__") and "_FIELD_INITVAR" not in kinds:  # which would ask for values nobody kept
        twin.__post_init__()
    return twin


def _changed_model(value: Any, changes: dict[str, Any]) -> Any:
    """Validated as a whole, with what validation does not know (private attributes) kept."""
    fields = {name: getattr(value, name) for name in _names(value) or ()}
    checked = type(value).model_validate(model_input(type(value), {**fields, **changes}))
    twin = value.model_copy()
    twin.__dict__.update(checked.__dict__)
    object.__setattr__(twin, "__pydantic_extra__", checked.__pydantic_extra__)
    object.__setattr__(twin, "__pydantic_fields_set__", value.__pydantic_fields_set__ | changes.keys())
    return twin


def _dotted(parts: Path) -> str:
    return ".".join(map(str, parts))
