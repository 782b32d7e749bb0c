"""Faults that wait for another child: what would never end is refused, and what would end is not."""

from __future__ import annotations

from collections.abc import Callable

import pytest

Problems = Callable[[str], list[str]]


def children(**faults: str) -> str:
    """Each sends ten messages in two steps and has this fault."""
    return "name: x\nchildren:\n" + "".join(
        f"  {name}:\n    steps: [send: 5, send: 5]\n    faults: [{fault}]\n" for name, fault in faults.items()
    )


def wait(child: str, message: int, at: str = "") -> str:
    return f"{{noop: , at: {{{at}after: {{child: {child}, message: {message}}}}}}}"


@pytest.mark.parametrize(
    ("text", "circle"),
    [
        (children(a=wait("b", 1), b=wait("a", 1)), "a waits for message 1 of b, b waits for message 1 of a"),
        (
            children(a=wait("b", 6, "message: 5, "), b=wait("a", 6, "message: 5, ")),
            "a waits for message 6 of b, b waits for message 6 of a",
        ),
        (
            children(a=wait("b", 6, "step: 2, "), b=wait("a", 6, "message: 6, byte: 1, ")),
            "a waits for message 6 of b, b waits for message 6 of a",
        ),
        (
            children(a=wait("b", 1), b=wait("c", 10), c=wait("a", 1)),
            "a waits for message 1 of b, b waits for message 10 of c, c waits for message 1 of a",
        ),
    ],
)
def test_a_circle_is_refused(problems: Problems, text: str, circle: str) -> None:
    """Once, with all that are in it."""
    (found,) = problems(text)
    assert found.startswith("x.yaml:5:")
    assert found.partition(": ")[2] == f"nobody in this circle would ever go on: {circle}"


@pytest.mark.parametrize(
    "text",
    [
        children(a=wait("b", 5, "message: 5, "), b=wait("a", 5, "message: 5, ")),
        children(a=wait("b", 5, "step: 2, "), b=wait("a", 5, "message: 6, byte: 1, ")),
        children(a=wait("b", 5), b=wait("c", 5), c="{noop: , at: {message: 1}}"),
        children(a=wait("b", 10), b=wait("c", 1, "message: 10, "), c="{noop: , at: {step: 1}}"),
        children(a=wait("'b[2]'", 5)) + "  b:\n    copies: 2\n    steps: [send: 5]\n",
    ],
)
def test_who_goes_on_in_the_end_may_wait(problems: Problems, text: str) -> None:
    """What the other waits for itself comes after the message."""
    assert problems(text) == []


def test_faults_of_the_parent_do_not_wait_for_each_other(problems: Problems) -> None:
    """They are done one spawn at a time, also where a third child stands between."""
    of_parent = "{steal_status: , at: spawn}"
    text = children(a=f"{of_parent}, {wait('b', 1)}", b=wait("c", 1), c=of_parent)
    (found,) = problems(text)
    assert found.partition(": ")[2] == (
        "child 'a' would wait for ever: faults of the parent are done one spawn at a time, it has one and waits for "
        "child 'c', which has one too"
    )
    assert problems(children(a=wait("b", 1), b=of_parent)) == []


@pytest.mark.parametrize(
    ("other", "child", "problem"),
    [
        ("copies: 2, steps: [send: 5]", "b[3]", "there is no 'b[3]': child 'b' has 2 copies"),
        ("steps: [send: 5]", "b[1]", "there is no 'b[1]': child 'b' has no copies"),
        ("steps: [send: 5]", "b[x]", "unknown child 'b[x]'; expected one of 'a', 'b'"),
        (
            "steps: [call: 'os.path:isdir']",
            "b",
            "child 'b' calls an action of yours, and nobody knows what that sends; expected another child",
        ),
    ],
)
def test_only_a_child_of_which_it_is_known_can_be_waited_for(
    problems: Problems, other: str, child: str, problem: str
) -> None:
    """Which of its copies, and how many messages."""
    (found,) = problems(children(a=wait(f"'{child}'", 1)) + f"  b: {{{other}}}\n")
    assert found.partition(": ")[2] == problem


def test_what_cannot_wait_in_the_child_is_refused(problems: Problems) -> None:
    """A fault with no point at which the child could wait."""
    (found,) = problems(children(a="{latency: , at: {after: {child: b, message: 1}}}") + "  b: {steps: [send: 5]}\n")
    assert found.partition(": ")[2] == (
        "fault 'latency' cannot be placed at {after: …} alone, which is before the first step; expected definition"
    )
