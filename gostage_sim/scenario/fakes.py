"""Renders the `{faker.…}` values of payloads in the observer, so that children need not load faker."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

from gostage_sim.scenario.payloads import Placeholder, parse_template, strings
from gostage_sim.scenario.problems import close_match

if TYPE_CHECKING:
    from faker import Faker

#: How many values each provider gives; messages use them in turn.
POOL_SIZE = 64


def provider_problem(name: str) -> str | None:
    """Why `{faker.NAME}` cannot be used, or None."""
    if name not in _providers():
        match = close_match(name, _providers())
        meant = f"did you mean '{match}'?" if match is not None else "see https://faker.readthedocs.io"
        return f"unknown faker provider '{name}'; {meant}"
    return _trial(name)


def placeholders(payloads: Iterable[Any]) -> set[str]:
    """Every `faker.name` that the payloads mention."""
    return {
        str(part)
        for payload in payloads
        for _, text, _ in strings(payload)
        for part in parse_template(text)
        if isinstance(part, Placeholder) and part != "i"
    }


def render_pools(payloads: Iterable[Any], seed: int) -> dict[str, list[Any]]:
    """Values for every `faker.name` in the payloads. The seed and the name alone decide them: one more placeholder in a
    scenario changes no other value."""
    return {name: [*_render(name.removeprefix("faker."), seed)] for name in sorted(placeholders(payloads))}


@lru_cache(maxsize=256)  # a run has one seed, and its scenarios the same few names
def _render(name: str, seed: int) -> tuple[Any, ...]:
    fake = _faker()
    fake.seed_instance(f"{seed}:{name}")
    return tuple(_json_value(getattr(fake, name)()) for _ in range(POOL_SIZE))


def _json_value(value: Any) -> Any:
    if value is None or isinstance(value, str | bool | int | float):
        return value
    if isinstance(value, dict):
        return {str(key): _json_value(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_json_value(item) for item in value]
    return str(value)


@cache
def _trial(name: str) -> str | None:
    try:
        value = getattr(_faker(), name)()
    except Exception as error:
        return f"the faker provider '{name}' cannot be used without arguments: {type(error).__name__}: {error}"
    if isinstance(value, bytes):
        return f"the faker provider '{name}' gives bytes, which JSON cannot carry"
    return None


def _faker() -> Faker:
    # A new one each time: instances share nothing, so neither the order of calls nor another thread changes a value.
    from faker import Faker

    return Faker("en_US")


@cache
def _providers() -> frozenset[str]:
    providers = _faker().get_providers()
    names = {name for p in providers for name in dir(p) if not name.startswith("_") and callable(getattr(p, name))}
    return frozenset(name for name in names if not name.startswith("add_"))
