"""Faker's values are rendered once, by the seed."""

from __future__ import annotations

import json

from gostage_sim.scenario.fakes import POOL_SIZE, placeholders, provider_problem, render_pools


def test_the_seed_decides_the_values() -> None:
    """The same seed gives the same values, another seed others."""
    assert render_pools(["{faker.name}"], 1) == render_pools([{"a": ["{faker.name}"]}], 1)
    assert render_pools(["{faker.name}"], 1) != render_pools(["{faker.name}"], 2)


def test_one_more_placeholder_changes_no_other() -> None:
    """Values depend on seed and name alone."""
    alone, both = render_pools(["{faker.name}"], 1), render_pools(["{faker.name} {faker.city}"], 1)
    assert set(both) == {"faker.city", "faker.name"}
    assert both["faker.name"] == alone["faker.name"]
    assert len(both["faker.city"]) == POOL_SIZE


def test_pools_are_not_shared() -> None:
    """Who changes the values of one child changes nobody else's."""
    first = render_pools(["{faker.name}"], 7)
    first["faker.name"].clear()
    assert len(render_pools(["{faker.name}"], 7)["faker.name"]) == POOL_SIZE


def test_pools_are_json() -> None:
    """Dates and decimals become text, so that a pool fits into a plan file."""
    pools = render_pools(["{faker.date_object}{faker.pydecimal}{faker.simple_profile}{faker.random_int}"], 1)
    assert json.loads(json.dumps(pools)) == pools
    assert isinstance(pools["faker.random_int"][0], int)


def test_placeholders_are_found_in_keys_and_values() -> None:
    """`{i}` is none of faker's."""
    assert placeholders([{"{faker.name}": "{i}"}, ["faker.city", "{faker.city}"], 3]) == {"faker.name", "faker.city"}


def test_a_provider_that_cannot_be_used_says_why() -> None:
    """Unknown, in need of arguments, or not JSON."""
    assert provider_problem("name") is None
    assert provider_problem("nmae") == "unknown faker provider 'nmae'; did you mean 'name'?"
    assert provider_problem("zzzzzz") == "unknown faker provider 'zzzzzz'; see https://faker.readthedocs.io"
    assert provider_problem("add_provider") is not None
    assert provider_problem("binary") == "the faker provider 'binary' gives bytes, which JSON cannot carry"
    enum = provider_problem("enum")
    assert enum is not None
    assert enum.startswith("the faker provider 'enum' cannot be used without arguments: TypeError: ")
