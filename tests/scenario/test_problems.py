"""A problem is one line that cannot steer a terminal."""

from __future__ import annotations

from gostage_sim.scenario.problems import Problem, quote, unknown


def test_control_characters_are_escaped() -> None:
    """Neither a file's name nor its content reaches the terminal as it is."""
    problem = Problem("found '\x1b[2J\n'", "a\x07.yaml", 3, 4)
    assert str(problem) == "a\\x07.yaml:3:4: found '\\x1b[2J\\n'"


def test_unknown_words_get_the_close_match_or_the_list() -> None:
    """The close match ignores case."""
    assert unknown("fault", "Delya", ["delay", "exit"]) == "unknown fault 'Delya'; did you mean 'delay'?"
    assert unknown("fault", "zzz", ["delay", "exit"]) == "unknown fault 'zzz'; expected one of 'delay', 'exit'"
    assert unknown("fault", "zzz", []) == "unknown fault 'zzz'; expected nothing: none are known"


def test_quotes_are_short() -> None:
    """A message stays readable whatever the file holds."""
    assert quote("x" * 100) == "'" + "x" * 59 + "…"
    found: list[object] = [None, True, {}, [], 3]
    assert [quote(value) for value in found] == ["nothing", "true", "a mapping", "a list", "3"]
