"""`gostage-sim explain NAME` for the words of a scenario file, from what the model and the points say of themselves."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel

from gostage_sim.faults.contract import Point
from gostage_sim.scenario.docs import field_docs, paragraphs
from gostage_sim.scenario.expected import describe, fields_of, hints_of, quantity_of
from gostage_sim.scenario.model import FILLED_IN, SHORT_FORMS, File, PlacedFault, Step, step_name
from gostage_sim.scenario.points import AT, FORMS, KEYS, POINTS

_STEPS: tuple[type[Step], ...] = get_args(Step)


@dataclass(frozen=True)
class Topic:
    """One word of the language."""

    path: str
    """Where it stands: `timeout`, `children.timeout`, `send.count`."""
    lines: tuple[str, ...]

    @property
    def name(self) -> str:
        """Its last part."""
        return self.path.rpartition(".")[2]


@cache
def topics() -> tuple[Topic, ...]:
    """Everything a file may say, in the order of the model."""
    return (_whole(), *_keys_of(File, "", {}), *_points())


def find(name: str) -> list[Topic]:
    """What has this name or this path; several where a word stands in several places, the highest first."""
    found = [topic for topic in topics() if name in (topic.path, topic.name)]
    return sorted(found, key=lambda topic: topic.path.count("."))


def names() -> list[str]:
    """All names and paths, each once."""
    return [*dict.fromkeys(word for topic in topics() for word in (topic.name, topic.path))]


def _whole() -> Topic:
    return Topic("scenario", (paragraphs(inspect.getdoc(File)), "", *_keys(File)))


def _keys_of(cls: type[BaseModel], prefix: str, told: dict[type[BaseModel], str]) -> Iterator[Topic]:
    """The topic of every key of a model, and those of the models within, each `told` at its first place."""
    for key, name in _names(cls):
        path = f"{prefix}{name}"
        inner = _models_in(hints_of(cls)[key])
        lines = [field_docs(cls).get(key, ""), "", f"It takes: {_type(cls, key)}"]
        if PlacedFault in inner:
            yield Topic(path, (*lines, "", "'gostage-sim list faults' names the kinds; for their points see 'at'."))
            yield Topic(f"{path}.probability", (field_docs(PlacedFault)["probability"],))
        elif inner & {*_STEPS}:
            yield Topic(path, (*lines, "", f"Steps: {', '.join(map(step_name, _STEPS))}"))
            yield from _steps(told)
        else:
            for model in inner:
                again = model in told
                whole = (paragraphs(inspect.getdoc(model)), "", *_keys(model))
                lines += ["", *((f"Its keys are those of '{told[model]}'.",) if again else whole)]
            yield Topic(path, tuple(lines))
            for model in inner - told.keys():
                told[model] = path
                yield from _keys_of(model, f"{path}.", told)


def _steps(told: dict[type[BaseModel], str]) -> Iterator[Topic]:
    for cls in _STEPS:
        if cls in told:
            continue
        told[cls] = step_name(cls)
        kind = step_name(cls)
        lines = ["A step.", "", paragraphs(inspect.getdoc(cls)), "", *_keys(cls)]
        if cls in SHORT_FORMS:
            short = SHORT_FORMS[cls]
            lines += ["", f"In short: `{kind}: …` is `{kind}: {{{short}: …}}`"]
        yield Topic(kind, tuple(lines))
        yield from _keys_of(cls, f"{kind}.", told)


def _points() -> Iterator[Topic]:
    forms = [f"  {FORMS[point]:28}  {POINTS[point]}" for point in POINTS]
    keys = [line for key, text in KEYS.items() for line in (f"  {key}", f"      {text}")]
    yield Topic("at", (AT, "", "Points:", *forms, "", "Keys:", *keys))
    words: dict[str, Point] = {str(point): point for point in POINTS}
    for key in dict.fromkeys([*words, *KEYS]):
        lines = [KEYS.get(key, "")] if key in KEYS else []
        if key in words:
            lines += ["", f"  {FORMS[words[key]]:28}  {POINTS[words[key]]}"]
        yield Topic(f"at.{key}", tuple(lines) if lines[0] else tuple(lines[1:]))


def _keys(cls: type[BaseModel]) -> Iterator[str]:
    keys = list(_names(cls))
    if keys:
        yield "Keys:"
    for key, name in keys:
        yield f"  {name}: {_type(cls, key)}"
        yield f"      {field_docs(cls).get(key, '')}".rstrip()


def _names(cls: type[BaseModel]) -> Iterator[tuple[str, str]]:
    """The fields of a model, with what a file calls them."""
    for key in fields_of(cls):
        if key not in FILLED_IN:
            yield key, cls.model_fields[key].alias or key


def _type(cls: type[BaseModel], key: str) -> str:
    hint = hints_of(cls)[key]
    inner = _models_in(hint)
    words = describe(hint)
    if PlacedFault in inner:
        words = "a list of faults"
    elif inner & {*_STEPS}:
        words = "a list of steps"
    elif get_origin(hint) is dict and inner:
        words = "a mapping of mappings"
    if fields_of(cls)[key]:
        return f"{words}; must be given"
    default = _default(cls, key)
    return f"{words}; default {default}" if default else words


def _default(cls: type[BaseModel], key: str) -> str:
    default = cls.model_fields[key].default
    quantity, _ = quantity_of(hints_of(cls)[key])
    if default in (None, "", ()) or isinstance(default, dict | BaseModel):
        return ""
    if quantity is not None:
        return quantity.format(default)
    if isinstance(default, tuple):
        return ", ".join(map(str, default))
    return str(default).lower() if isinstance(default, bool) else str(default)


def _models_in(hint: Any) -> set[type[BaseModel]]:
    """The models that a hint is made of."""
    if isinstance(hint, type) and issubclass(hint, BaseModel):
        return {hint}
    if get_origin(hint) in (dict, tuple, Union, UnionType):
        return {model for arm in get_args(hint) if arm is not NoneType for model in _models_in(arm)}
    return set()
