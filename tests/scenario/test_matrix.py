"""`parametrize:`: a file is as many scenarios as its matrix has combinations."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from gostage_sim.faults.crash import Crash
from gostage_sim.scenario.loader import load, load_file, parse_text, scenarios_of
from gostage_sim.scenario.model import Scenario, Send
from gostage_sim.scenario.problems import ScenarioError
from gostage_sim.scenario.selection import exactly, select

Problems = Callable[[str], list[str]]

MATRIX = """\
name: A crash
parametrize: {signal: [SIGSEGV, SIGBUS], size: [1KiB, 64KiB], count: [7], payload: [{n: "{i}"}]}
children:
  victim:
    steps:
      - send: {count: "${count}", type: "t-${count}", size: "${size}", payload: "${payload}"}
      - log: costs $${size} of ${size}
    faults:
      - crash: "${signal}"
        at: {message: "${count}"}
  "after-${count}": {steps: []}
expect:
  victim: {outcome: signaled, signal: "${signal}"}
"""
HEAD = "name: x\nparametrize: {n: [1, 500], s: [a]}\nchildren:\n  a${s}:\n    steps: [send: '${n}']\n"


@pytest.fixture(autouse=True)
def _in_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def matrix(text: str = MATRIX) -> list[Scenario]:
    Path("x.yaml").write_text(text)
    return scenarios_of("x.yaml")


def test_each_combination_is_a_scenario() -> None:
    """Each has a readable name; a whole value keeps its type, in a text or a key it is inserted, `$${` is a text."""
    scenarios = matrix()
    assert [scenario.name for scenario in scenarios] == [
        f"A crash [signal={signal} size={size} count=7 payload=#1]"
        for signal in ("SIGSEGV", "SIGBUS")
        for size in ("1KiB", "64KiB")
    ]
    second = scenarios[1]
    assert second.parameters == {"signal": "SIGSEGV", "size": "64KiB", "count": 7, "payload": {"n": "{i}"}}
    victim = second.children["victim"]
    assert victim.steps[0] == Send(count=7, type="t-7", payload={"n": "{i}"}, size="64KiB")  # type: ignore[arg-type]
    assert victim.steps[1].message == "costs ${size} of 64KiB"  # type: ignore[union-attr]
    assert (victim.faults[0].fault, victim.faults[0].at.message) == (Crash(signal="SIGSEGV"), 7)
    assert list(second.children) == ["victim", "after-7"]
    assert [scenario.expect["victim"].signal for scenario in scenarios] == ["SIGSEGV"] * 2 + ["SIGBUS"] * 2


def test_values_inside_a_text_are_written_as_in_a_file() -> None:
    """true, null and numbers; a file without a matrix leaves `${…}` alone."""
    text = "name: '${v} x'\nparametrize: {v: [true, null, 1.5, -3]}\nchildren: {a: {steps: []}}\n"
    assert [scenario.name.partition(" ")[0] for scenario in matrix(text)] == ["true", "null", "1.5", "-3"]
    (plain,) = matrix("name: '${v}'\nchildren: {a: {steps: []}}\n")
    assert (plain.name, plain.parameters, plain.combination) == ("${v}", {}, "")


def test_what_has_no_short_name_is_told_by_its_number() -> None:
    """Lists, long texts, texts with spaces or control characters."""
    values = "[[1], {a: 1}, 'two words', '', \"a\\nb\", " + "x" * 41 + ", short]"
    text = f"name: x\ndescription: '${{v}}'\nparametrize: {{v: {values}}}\nchildren: {{a: {{steps: []}}}}\n"
    Path("x.yaml").write_text(
        text.replace("description: '${v}'", "handlers: {}").replace("[]", "[put: {key: a, value: '${v}'}]")
    )
    assert [scenario.combination for scenario in scenarios_of("x.yaml")] == [f"v=#{n}" for n in range(1, 7)] + [
        "v=short"
    ]


def test_a_text_that_looks_like_another_value_is_told_from_it() -> None:
    """In the name it stands as a file has to write it."""
    text = "name: x\nparametrize: {v: [1, '1', true, 'true', null, 'null', 1.5, '1.5', one]}\nchildren:\n"
    names = [scenario.combination for scenario in matrix(text + "  a: {steps: [{put: {key: k, value: '${v}'}}]}\n")]
    assert names == [f"v={v}" for v in ("1", '"1"', "true", '"true"', "null", '"null"', "1.5", '"1.5"', "one")]


def test_a_combination_is_selected_by_its_name() -> None:
    """`-k` sees the combination; the expression that repeats a result finds it and no other, whatever is in it."""
    scenarios = matrix()
    assert select(scenarios, "sigbus and size=1kib") == [scenarios[2]]
    for scenario in scenarios:
        assert select(scenarios, exactly(f"[{scenario.combination}]")) == [scenario]
    odd = [Scenario(name=name, children={}) for name in ("""[a='"x"']""", """[a='"y"']""", "[a='z']")]
    assert [select(odd, exactly(each.name)) for each in odd] == [[each] for each in odd]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("parametrize: 3\n", ["2:14: parametrize is 3; expected a mapping of parameters to lists of their values"]),
        (
            "parametrize: {}\n",
            ["2:14: parametrize is empty; expected a mapping of parameters to lists of their values"],
        ),
        ("parametrize: {n: 3}\n", ["2:18: parameter 'n' is 3; expected a list of values"]),
        ("parametrize: {n: []}\n", ["2:18: parameter 'n' is an empty list; expected a list of values"]),
        (
            "parametrize: {'n m': [1]}\n",
            ["2:15: parameter name 'n m'; expected a letter, then letters, digits, '_' and '-'"],
        ),
        ("parametrize: {n: [1, 2, 1]}\n", ["2:25: parameter 'n', item 3, is 1 again; it is already at 2:19"]),
        (
            f"parametrize: {{n: {list(range(30))}, m: {list(range(30))}}}\n",
            ["2:14: parametrize has 900 combinations; expected at most 500"],
        ),
    ],
)
def test_a_wrong_matrix(problems: Problems, text: str, expected: list[str]) -> None:
    """Its mistake is told; nothing is said of what uses it, and what else is wrong is told as well."""
    text = f"name: x\n{text}children: {{'${{n}}': {{steps: [send: '${{n}}', lgo: x]}}}}\n"
    step = "3:43: unknown key 'lgo'; did you mean 'log'? known keys: "
    found = problems(text)
    assert [line.removeprefix("x.yaml:") for line in found[:-1]] == expected
    assert found[-1].startswith(f"x.yaml:{step}")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("  b: {steps: [send: 1e3]}\n", ["6:21: count is 1000.0; expected a whole number from 1 to 100000000"]),
        (
            "    faults: [{noop: , at: {message: '${m}'}}]\n",
            ["6:37: unknown parameter 'm'; expected one of 'n', 's' (for the text itself write $${m})"],
        ),
        (
            "    faults: [{noop: , at: {message: 4}}]\n",
            ["6:37: message 4 does not exist; child 'aa' sends 3, the final store and the result at its end included, "
             "with n=1 s=a"],
        ),
        ("  b: {copies: '${n}', steps: []}\n  c: {copies: '${n}', steps: [send: '${n}x']}\n",
         ["7:37: count is '1x'; expected a whole number from 1 to 100000000, with n=1 s=a",
          "7:37: count is '500x'; expected a whole number from 1 to 100000000, with n=500 s=a"]),
        ("  aa: {steps: []}\n", ["4:3: duplicate key 'aa', which a${s} stands for"]),
    ],
)  # fmt: skip
def test_mistakes_point_into_the_file_as_written(problems: Problems, text: str, expected: list[str]) -> None:
    """Each once, and with which values, where not all of them lead to it."""
    if "aa" in text:
        text = HEAD.replace("children:\n", "children:\n" + text)
        expected = [expected[0].replace("4:3", "5:3")]
    else:
        text = HEAD + text
    assert problems(text) == [f"x.yaml:{line}" for line in expected]


def test_a_mistake_in_a_value_is_where_the_value_is(problems: Problems) -> None:
    """`${signal}` is not wrong, what stands under `parametrize` is, once for all combinations with it."""
    text = MATRIX.replace("[SIGSEGV, SIGBUS]", "[SIGSEVG, SIGBUS]")
    assert problems(text) == [
        "x.yaml:2:24: parameter 'signal' of fault 'crash' is 'SIGSEVG'; did you mean 'SIGSEGV'?",
        "x.yaml:2:24: unknown signal 'SIGSEVG'; did you mean 'SIGSEGV'?",
    ]


def test_a_list_cannot_stand_inside_a_text(problems: Problems) -> None:
    """Only what is one value can be inserted."""
    text = "name: 'x ${v}'\nparametrize: {v: [[1]]}\nchildren: {a: {steps: []}}\n"
    assert problems(text) == ["x.yaml:1:7: ${v} is a list; inside a text only a single value can stand"]


def test_a_parameter_that_is_not_used(problems: Problems) -> None:
    """It would repeat the same scenario under several names."""
    text = "name: x\nparametrize: {v: [1, 2]}\nchildren: {a: {steps: []}}\n"
    assert problems(text) == [
        "x.yaml:2:15: parameter 'v' is used nowhere; write ${v} where its values belong"
    ]  # fmt: skip


def test_names_of_two_files(problems: Problems) -> None:
    """Neither the name of a matrix nor that of one of its combinations may be another file's."""
    head = "parametrize: {v: [1, 2]}\nchildren: {a: {copies: '${v}', steps: []}}\n"
    Path("a.yaml").write_text("name: x\n" + head)
    Path("b.yaml").write_text("name: x\n" + head)
    Path("c.yaml").write_text("name: x [v=2]\nchildren: {a: {steps: []}}\n")
    scenarios, found = load(["a.yaml", "b.yaml", "c.yaml"])
    assert [scenario.name for scenario in scenarios] == ["x [v=1]", "x [v=2]"]
    assert [str(problem) for problem in found] == [
        "b.yaml:1:7: duplicate scenario name 'x'; it is already used at a.yaml:1:7",
        "c.yaml:1:7: duplicate scenario name 'x [v=2]'; it is already used at a.yaml:1:7",
    ]


def test_a_billion_values_are_not_made(problems: Problems) -> None:
    """A large value that is used many times over is a mistake, not a machine without memory."""
    large, uses = [0] * 1000, ["${v}"] * 1000
    text = f"name: x\nparametrize: {{v: [{large}]}}\nchildren: {{a: {{steps: [put: {{key: k, value: {uses}}}]}}}}\n"
    found = problems(text)
    assert len(found) == 1
    assert found[0].endswith("more than 200000 values, aliases counted each time")


def test_where_one_scenario_is_asked_for() -> None:
    """A file with a matrix is not one scenario, and says so."""
    Path("x.yaml").write_text(MATRIX)
    words = r"^x\.yaml: holds 4 scenarios, one for each combination of its matrix; expected a file with one$"
    with pytest.raises(ScenarioError, match=words):
        load_file("x.yaml")
    with pytest.raises(ScenarioError, match=words):
        parse_text(MATRIX, "x.yaml")
