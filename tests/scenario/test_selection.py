"""`-k` and `--tag` pick scenarios as pytest users expect."""

from __future__ import annotations

import pytest

from gostage_sim.scenario.model import Child, Scenario
from gostage_sim.scenario.selection import select


def scenario(name: str, file: str, *tags: str) -> Scenario:
    return Scenario(name=name, file=file, tags=tags, children={"a": Child(steps=())})


SCENARIOS = [
    scenario("A bad pointer", "scenarios/crash/segv.yaml", "crash", "smoke"),
    scenario("Abort", "scenarios/crash/abort.yaml", "crash"),
    scenario("A flood", "scenarios/flood/million.yaml", "slow"),
]


@pytest.mark.parametrize(
    ("keyword", "picked"),
    [
        ("crash", [0, 1]),
        ("CRASH", [0, 1]),
        ("segv.yaml", [0]),
        ("crash and not smoke", [1]),
        ("smoke or slow", [0, 2]),
        ("not crash or smoke and segv", [0, 2]),
        ("not (crash or slow)", []),
        ("not not slow", [2]),
        ("\"bad pointer\" or 'A flood'", [0, 2]),
        ("'not'", []),
        ("android", []),
        ("nothing", []),
    ],
)
def test_expressions(keyword: str, picked: list[int]) -> None:
    """Words match anywhere in name, file or tags; `not` binds tightest, then `and`, then `or`."""
    assert select(SCENARIOS, keyword) == [SCENARIOS[i] for i in picked]


def test_tags_match_whole_and_any_is_enough() -> None:
    """A tag is no part of a word; several tags widen, an expression narrows."""
    assert select(SCENARIOS, tags=["smok"]) == []
    assert select(SCENARIOS, tags=["smoke", "slow"]) == [SCENARIOS[0], SCENARIOS[2]]
    assert select(SCENARIOS, "flood", ["smoke", "slow"]) == [SCENARIOS[2]]
    assert select(SCENARIOS) == SCENARIOS


@pytest.mark.parametrize(
    ("keyword", "message"),
    [
        ("", "-k '': found the end at column 1; expected a word, 'not' or '('"),
        ("a and", "-k 'a and': found the end at column 6; expected a word, 'not' or '('"),
        ("a  b", "-k 'a  b': found 'b' at column 4; expected 'and', 'or' or the end"),
        ("(a or b", "-k '(a or b': found the end at column 8; expected ')'"),
        ("a)", "-k 'a)': found ')' at column 2; expected 'and', 'or' or the end"),
        ("or a", "-k 'or a': found 'or' at column 1; expected a word, 'not' or '('"),
        ("a or 'b", '-k "a or \'b": the quote at column 6 is not closed'),
        ("''", "-k \"''\": nothing between the quotes at column 1"),
        ("(" * 100_000, "-k: more than 50 parentheses and 'not' in each other"),
        ("not " * 200 + "a", "-k: more than 50 parentheses and 'not' in each other"),
    ],
)
def test_a_wrong_expression_says_where(keyword: str, message: str) -> None:
    """The message quotes the expression and names the column."""
    with pytest.raises(ValueError, match="-k") as caught:
        select(SCENARIOS, keyword)
    assert str(caught.value) == message


def test_a_deep_expression_is_answered() -> None:
    """What can be read can be asked: the deepest expression allowed selects as its innermost word does."""
    assert select(SCENARIOS, "(" * 50 + "flood" + ")" * 50) == select(SCENARIOS, "flood")
