"""Turns a payload template into a function of the message number; child processes import it, so it imports nothing big.

Strings in a template, keys too, may hold `{i}`, the number of the message from 1, and `{faker.name}`, a value of that
provider; `{{` and `}}` are braces. A string that is one placeholder and nothing else gives the value itself: `"{i}"` is
an integer.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

Render = Callable[[int], Any]

_TOKEN = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")
_FAKER = re.compile(r"faker\.([A-Za-z]\w*)")


class Placeholder(str):
    """`i`, or `faker.name`: what stands between the braces."""

    __slots__ = ()


def parse_template(text: str) -> list[str]:
    """Literal text and placeholders in turn; ValueError says what is malformed."""
    parts: list[str] = []
    literal, end = "", 0
    for token in _TOKEN.finditer(text):
        literal += text[end : token.start()]
        end = token.end()
        if token[0] in ("{{", "}}"):
            literal += token[0][0]
            continue
        if token[1] is None:
            raise ValueError(f"unmatched '{token[0]}' in {text!r}; write '{token[0] * 2}' for a brace")
        if token[1] != "i" and not _FAKER.fullmatch(token[1]):
            raise ValueError(
                f"unknown placeholder {token[0]!r} in {text!r}; "
                "expected '{i}' or '{faker.name}'; write '{{' and '}}' for braces"
            )
        if literal:
            parts.append(literal)
        parts.append(Placeholder(token[1]))
        literal = ""
    literal += text[end:]
    if literal or not parts:
        parts.append(literal)
    return parts


def strings(template: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], str, bool]]:
    """Every string of a template: its path, its text, whether it is a key."""
    if isinstance(template, str):
        yield path, template, False
    elif isinstance(template, Mapping):
        for key, value in template.items():
            yield (*path, key), key, True
            yield from strings(value, (*path, key))
    elif isinstance(template, Sequence):
        for index, value in enumerate(template):
            yield from strings(value, (*path, index))


def compile_payload(template: Any, pools: Mapping[str, Sequence[Any]]) -> Render:
    """A function from message number to payload. `pools` holds the rendered values of each `faker.…` placeholder;
    they are used in turn. Parts that do not change are one shared object in all messages: do not change them."""
    constant, render = _compile(template, pools)
    return render or (lambda i: constant)


def _compile(template: Any, pools: Mapping[str, Sequence[Any]]) -> tuple[Any, Render | None]:
    """The constant a template is, or a function, when it changes with the number of the message."""
    if isinstance(template, str):
        return _compile_string(template, pools)
    if isinstance(template, Mapping):
        return _compile_mapping(template, pools)
    if isinstance(template, Sequence):
        items = [_compile(item, pools) for item in template]
        base = [constant for constant, _ in items]
        return base, _filler(base, [(n, render) for n, (_, render) in enumerate(items) if render])
    return template, None


def _filler(base: Any, changing: Sequence[tuple[Any, Render]]) -> Render | None:
    """Copies a list or dictionary and fills in what changes: faster than building it anew."""
    if not changing:
        return None

    def render(i: int) -> Any:
        copy = base.copy()
        for place, part in changing:
            copy[place] = part(i)
        return copy

    return render


def _compile_mapping(template: Mapping[str, Any], pools: Mapping[str, Sequence[Any]]) -> tuple[Any, Render | None]:
    keys = [_compile_string(key, pools) for key in template]
    values = [_compile(value, pools) for value in template.values()]
    if not any(render for _, render in keys):
        names = [constant for constant, _ in keys]
        base = dict(zip(names, (constant for constant, _ in values), strict=True))
        return base, _filler(base, [(k, render) for k, (_, render) in zip(names, values, strict=True) if render])

    pairs = list(zip(keys, values, strict=True))

    def render(i: int) -> dict[str, Any]:
        return {
            (str(key_render(i)) if key_render else key): (value_render(i) if value_render else value)
            for (key, key_render), (value, value_render) in pairs
        }

    return None, render


def _compile_string(text: str, pools: Mapping[str, Sequence[Any]]) -> tuple[Any, Render | None]:
    parts = parse_template(text)
    placeholders = [part for part in parts if isinstance(part, Placeholder)]
    if not placeholders:
        return "".join(parts), None
    renders = [_compile_part(part, pools) for part in parts]
    if len(renders) == 1:
        return None, renders[0]
    if len(parts) == 2 and placeholders == ["i"]:
        before, after = (parts[0], "") if isinstance(parts[1], Placeholder) else ("", parts[1])
        return None, lambda i: f"{before}{i}{after}"
    return None, lambda i: "".join([str(render(i)) for render in renders])


def _compile_part(part: str, pools: Mapping[str, Sequence[Any]]) -> Render:
    if not isinstance(part, Placeholder):
        return lambda i: part
    if part == "i":
        return lambda i: i
    values = pools[part]
    length = len(values)
    return lambda i: values[(i - 1) % length]
