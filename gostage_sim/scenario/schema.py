"""The JSON Schema of scenario files, https://json-schema.org/draft-07: with it an editor completes and explains them.

It is made from what the loader reads by: the model, and the faults and guarantees that are installed. What only the
whole of a file can tell, such as whether a message exists, is left to `gostage-sim check`.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Mapping, Sequence
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, TypeAdapter

from gostage_sim.faults.contract import Fault, Point
from gostage_sim.faults.describe import parameters_of
from gostage_sim.scenario.docs import field_docs, paragraphs
from gostage_sim.scenario.expected import describe, fields_of, hints_of, limits_of, quantity_of
from gostage_sim.scenario.model import FILLED_IN, SHORT_FORMS, Call, Child, File, Spawn, Step, step_name
from gostage_sim.scenario.points import ALWAYS_NUMBERED, AT, KEYS, POINTS

Schema = dict[str, Any]

#: What a schema calls the limits of the model.
_LIMITS = {"ge": "minimum", "le": "maximum", "gt": "exclusiveMinimum", "lt": "exclusiveMaximum", "pattern": "pattern"}
_TYPES = {bool: "boolean", int: "integer", float: "number", str: "string"}
_NAME = r"([A-Za-z0-9_-]|\$\{[^{}]+\})+"
_NUMBERS: dict[Point, tuple[str, ...]] = {
    "spawn": ("spawn",),
    "step": ("step",),
    "message": ("message",),
    "byte": ("message", "byte"),
    "handler": ("handler",),
}
_REFERENCE = {"$ref": "#/definitions/reference"}


def schema_text(kinds: Mapping[str, type[Fault]], guarantees: Sequence[str], *, fragment: bool = False) -> str:
    """The schema as a file has it."""
    return json.dumps(schema_of(kinds, guarantees, fragment=fragment), indent=1, ensure_ascii=False) + "\n"


def schema_of(kinds: Mapping[str, type[Fault]], guarantees: Sequence[str], *, fragment: bool = False) -> Schema:
    """The schema of a scenario file with these faults and guarantees; of a `fragment`, which may leave out anything."""
    return _Maker(kinds, guarantees).file(fragment=fragment)


class _Maker:
    def __init__(self, kinds: Mapping[str, type[Fault]], guarantees: Sequence[str]) -> None:
        self._kinds = kinds
        self._guarantees = guarantees
        self._definitions: dict[str, Schema] = {
            "reference": {
                "type": "string",
                "pattern": r"\$\{[A-Za-z_][A-Za-z0-9_-]*\}",
                "description": "A value of the matrix under `parametrize`.",
            }
        }

    def file(self, *, fragment: bool) -> Schema:
        by_hand = {
            "children": self._named(Child, field_docs(File)["children"]) | {"minProperties": 1},
            "guarantees": {
                "description": field_docs(File)["guarantees"],
                "default": "all",
                "anyOf": [{"const": "all"}, {"type": "array", "minItems": 1, "items": {"enum": [*self._guarantees]}}],
            },
            "parametrize": {
                "description": field_docs(File)["parametrize"],
                "type": "object",
                "minProperties": 1,
                "propertyNames": {"pattern": r"^[A-Za-z_][\w-]*$"},
                "additionalProperties": {"type": "array", "minItems": 1},
            },
        }
        whole = self._object(File, by_hand)
        whole.pop("required", None)
        self._definitions["child"].pop("required")
        if not fragment:
            whole["required"] = ["name"]
            # What a fragment says need not be said again.
            whole["if"] = {"not": {"required": ["include"]}}
            works = {"anyOf": [{"required": [key]} for key in ("steps", "command")]}
            each = {"if": {"type": "object"}, "then": works}
            whole["then"] = {"required": ["children"], "properties": {"children": {"additionalProperties": each}}}
        return {
            "$schema": "http://json-schema.org/draft-07/schema#",
            "title": f"gostage-sim scenario{' fragment' if fragment else ''}",
            **whole,
            "definitions": self._definitions,
        }

    def _object(self, cls: type[BaseModel], by_hand: Mapping[str, Schema]) -> Schema:
        keys = {key: required for key, required in fields_of(cls).items() if key not in FILLED_IN}
        docs = field_docs(cls)
        properties = {key: by_hand.get(key) or self._field(cls, key, docs.get(key, "")) for key in keys}
        required = [key for key, needed in keys.items() if needed]
        return {
            "description": paragraphs(inspect.getdoc(cls)),
            "type": "object",
            "properties": properties,
            "additionalProperties": False,
            **({"required": required} if required else {}),
        }

    def _field(self, cls: type[BaseModel], key: str, doc: str) -> Schema:
        found = self._value(hints_of(cls)[key])
        parts = [part.rstrip(".") for part in (doc, found.get("description", "")) if part]
        words = ". ".join(part[0].upper() + part[1:] for part in parts)
        default = cls.model_fields[key].default
        shown = TypeAdapter(Any).dump_python(default, mode="json") if default.__class__ in (bool, int, str) else None
        quantity, _ = quantity_of(hints_of(cls)[key])
        if quantity is not None and default.__class__ in (int, float) and default:
            shown = quantity.format(default)
        return {
            **({"description": f"{words}."} if words else {}),
            **({"default": shown} if shown not in (None, "") else {}),
            **{name: part for name, part in found.items() if name != "description"},
        }

    def _value(self, hint: Any) -> Schema:
        """What may stand for a hint; a reference to the matrix may stand for anything but a text, which holds it."""
        found = self._bare(hint)
        if not found or (found.keys() - {"description"} == {"type"} and found["type"] == "string"):
            return found
        description = {"description": found.pop("description")} if "description" in found else {}
        arms = found["anyOf"] if [*found] == ["anyOf"] else [found]
        return description | {"anyOf": [*arms, *([] if _REFERENCE in arms else [_REFERENCE])]}

    def _bare(self, hint: Any) -> Schema:
        quantity, _ = quantity_of(hint)
        if quantity is not None:
            pattern = TypeAdapter(quantity.hint).json_schema()["pattern"]
            return {"type": "string", "pattern": pattern, "description": describe(hint)}
        origin, args = get_origin(hint), get_args(hint)
        if origin is Annotated:
            limits = limits_of(args[1:])
            shown = {"description": limits["description"]} if "description" in limits else {}
            return self._bare(args[0]) | {_LIMITS[name]: limits[name] for name in _LIMITS if name in limits} | shown
        if origin is Literal:
            return {"enum": list(args)}
        if origin in (Union, UnionType):
            arms = [self._bare(arm) for arm in args if arm is not NoneType]
            return arms[0] if len(arms) == 1 else {"anyOf": arms}
        if origin in (tuple, list):
            return {"type": "array", "items": self._value(args[0])}
        if origin is dict:
            return self._mapping(args[0], self._value(args[1]))
        if hint in _TYPES:
            return {"type": _TYPES[hint]}
        return self._model(hint) if isinstance(hint, type) and issubclass(hint, BaseModel) else {}

    def _mapping(self, keys: Any, values: Schema) -> Schema:
        names = {"propertyNames": {"enum": list(get_args(keys))}} if get_origin(keys) is Literal else {}
        return {"type": "object", **names, "additionalProperties": values or True}

    def _model(self, cls: type[BaseModel]) -> Schema:
        name = cls.__name__.lower()
        if name not in self._definitions:
            self._definitions[name] = {}  # it may be part of itself
            self._definitions[name] = self._object(cls, self._by_hand(cls))
        return {"$ref": f"#/definitions/{name}"}

    def _named(self, cls: type[BaseModel], description: str) -> Schema:
        return {
            "description": description,
            "type": "object",
            "propertyNames": {"pattern": f"^{_NAME}$", "not": {"const": "recovery"}},
            "additionalProperties": {"anyOf": [self._model(cls), _REFERENCE]},
        }

    def _by_hand(self, cls: type[BaseModel]) -> dict[str, Schema]:
        if cls is Spawn:
            return {"steps": self._steps(cls)}
        if cls is not Child:
            return {}
        self._definitions["step"] = self._step()
        self._definitions["fault"] = self._fault()
        return {
            "steps": self._steps(cls),
            "faults": {
                "description": field_docs(Child)["faults"],
                "anyOf": [_list_of("fault"), _REFERENCE],
            },
        }

    def _steps(self, cls: type[BaseModel]) -> Schema:
        return {
            "description": field_docs(cls)["steps"],
            "anyOf": [_list_of("step"), _REFERENCE],
        }

    def _step(self) -> Schema:
        properties: dict[str, Schema] = {}
        kinds = []
        for cls in get_args(Step):
            kind = step_name(cls)
            kinds.append(kind)
            if cls is Call:
                properties[kind] = self._value(hints_of(Call)["target"]) | {
                    "description": paragraphs(inspect.getdoc(cls))
                }
                properties["with"] = {
                    "description": field_docs(cls)["with_"],
                    "anyOf": [{"type": "object"}, _REFERENCE],
                }
                continue
            short = [self._bare(hints_of(cls)[SHORT_FORMS[cls]])] if cls in SHORT_FORMS else []
            arms = [self._model(cls), *short, _REFERENCE]
            properties[kind] = {"description": paragraphs(inspect.getdoc(cls)), "anyOf": arms}
        return {
            "type": "object",
            "properties": properties,
            "additionalProperties": False,
            "oneOf": [{"required": [kind]} for kind in kinds],
            "dependencies": {"with": ["call"]},
        }

    def _fault(self) -> Schema:
        """One item of `faults`: exactly one kind, and a point that is one of its points."""
        every: set[Point] = {point for kind in self._kinds.values() for point in kind.points}
        properties = {name: self._parameters(kind) for name, kind in self._kinds.items()}
        return {
            "type": "object",
            "properties": {
                **properties,
                "at": {"description": AT, "allOf": [self._at(every)]},
                "probability": {
                    "description": "The seed chooses, each time, whether the fault is part of the run.",
                    "default": 1.0,
                    "anyOf": [{"type": "number", "exclusiveMinimum": 0, "maximum": 1}, _REFERENCE],
                },
            },
            "additionalProperties": False,
            "required": ["at"],
            "oneOf": [{"required": [name]} for name in self._kinds],
            "allOf": [
                {"if": {"required": [name]}, "then": {"properties": {"at": self._at(kind.points)}}}
                for name, kind in self._kinds.items()
                if kind.points != every
            ],
        }

    def _parameters(self, kind: type[Fault]) -> Schema:
        hints, properties = hints_of(kind), {}
        for parameter in parameters_of(kind):
            default = {} if parameter.default is None else {"default": parameter.default}
            words = f"{parameter.doc}: {parameter.type_text}" if parameter.doc else parameter.type_text
            properties[parameter.name] = self._value(hints[parameter.name]) | default | {"description": words}
        required = [name for name, needed in fields_of(kind).items() if needed]
        mapping = {
            "type": "object",
            "properties": properties,
            "additionalProperties": False,
            **({"required": required} if required else {}),
        }
        arms = [mapping, *([] if required else [{"type": "null"}]), _REFERENCE]
        first = next(iter(properties), None)
        if first is not None and required in ([], [first]):
            arms.insert(
                1, {key: part for key, part in properties[first].items() if key not in ("default", "description")}
            )
        example = f"Example:\n\n{kind.example}"
        return {"description": f"{paragraphs(inspect.getdoc(kind))}\n\n{example}", "anyOf": arms}

    def _at(self, points: frozenset[Point] | set[Point]) -> Schema:
        name = "at-" + "-".join(sorted(points))
        if name not in self._definitions:
            words = [
                {"const": point, "description": text}
                for point, text in POINTS.items()
                if point in points and point not in ALWAYS_NUMBERED
            ]
            number = {"anyOf": [{"type": "integer", "minimum": 1}, _REFERENCE]}
            after = {"after": _after(number) | {"description": KEYS["after"]}}
            forms = []
            if "step" in points:
                forms.append(
                    {"type": "object", "properties": after, "additionalProperties": False, "required": ["after"]}
                )
            for point, keys in _NUMBERS.items():
                if point in points:
                    more = {"message": ("every", "times", "until"), "byte": ("every", "times")}.get(point, ())
                    forms.append(
                        {
                            "type": "object",
                            "properties": {
                                **{key: number | {"description": KEYS[key]} for key in (*keys, *more)},
                                **(after if point in ("step", "message", "byte") else {}),
                            },
                            "additionalProperties": False,
                            "required": [*keys],
                            **({"dependencies": {"every": ["times"], "times": ["every"]}} if more else {}),
                        }
                    )
            self._definitions[name] = {
                "description": AT,
                "anyOf": [*words, *forms, _REFERENCE],
            }
        return {"$ref": f"#/definitions/{name}"}


def _after(number: Schema) -> Schema:
    docs = {
        "child": {"type": "string", "description": "Another child of the same wave; `name[2]` where it has copies."},
        "message": number | {"description": "It has sent this message, counted from 1, and can lose it no more."},
    }
    keys = {"type": "object", "properties": docs, "additionalProperties": False, "required": [*docs]}
    return {"anyOf": [keys, _REFERENCE]}


def _list_of(definition: str) -> Schema:
    return {"type": "array", "items": {"anyOf": [{"$ref": f"#/definitions/{definition}"}, _REFERENCE]}}
