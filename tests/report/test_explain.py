"""`gostage-sim explain` and `list`."""

from __future__ import annotations

from pathlib import Path

import pytest

from gostage_sim.faults import fault_kinds
from gostage_sim.guarantees import all_guarantees
from gostage_sim.guarantees.contract import Judging
from gostage_sim.harness.agreement import TransportsAgree
from gostage_sim.report import listing
from gostage_sim.report.bad_input import BadInput
from gostage_sim.report.explain import explain

JUDGING: list[Judging] = [*all_guarantees(), TransportsAgree()]


@pytest.mark.parametrize("name", sorted(fault_kinds()))
def test_every_fault_is_explained(name: str) -> None:
    """What it does, its parameters with defaults, where it may be placed, and an example, in this order."""
    text = explain(name)
    parts = ["Parameters:", "Where it may be placed:", "Example:"]
    assert text.startswith(f"{name}\n\n")
    assert [text.count(f"\n{part}") for part in parts] == [1, 1, 1]
    assert sorted(parts, key=text.index) == parts
    assert f"- {name}:" in text.partition("Example:")[2]


def test_the_whole_text_of_a_fault() -> None:
    """The parameters have their type, their default and their sentence."""
    assert """\
Parameters:
  signal: SIGSEGV | SIGABRT | SIGBUS | SIGILL | SIGFPE; default SIGSEGV
      the signal the kernel is to kill it with
  overflow: true | false; default false
      by an overflow of the native stack; only with SIGSEGV

Where it may be placed:
  at: definition                before the definition is read
  at: {step: 2}                 before a step, counted from 1
  at: {message: 250}            when a message, counted from 1, cannot be lost any more
  at: {message: 250, byte: 10}  after so many bytes of the line of a message
  at: result                    between the result and the exit
""" in explain("crash")


def test_a_fault_of_one_transport_says_so() -> None:
    """Where it does not exist, and why; a fault that exists everywhere says nothing of it."""
    assert "\nTransports:\n  not json: over JSON nobody listens\n" in explain("intruder")
    assert "Transports:" not in explain("flood")


def test_every_guarantee_is_explained() -> None:
    """When it holds, and what must have been seen before a pass counts."""
    for guarantee in JUDGING:
        text = explain(guarantee.name)
        assert guarantee.holds_when in text
        assert guarantee.counts_only_if in text


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("crsh", "nothing is called 'crsh'; did you mean 'crash'?"),
        ("no-los", "nothing is called 'no-los'; did you mean 'no-loss'?"),
        ("transport", "nothing is called 'transport'; did you mean 'transports'?"),
        ("childern", "nothing is called 'childern'; did you mean 'children'?"),
        ("snd", "nothing is called 'snd'; did you mean 'send'?"),
        ("children.copis", "nothing is called 'children.copis'; did you mean 'children.copies'?"),
        ("Order", "nothing is called 'Order'; did you mean 'order'?"),
    ],
)
def test_a_misspelt_name_gets_its_close_match(name: str, message: str) -> None:
    """One line with the name that was probably meant."""
    with pytest.raises(BadInput) as refused:
        explain(name)
    assert refused.value.lines == (message,)


def test_a_name_like_nothing_gets_all_names() -> None:
    """Without a close match the known names are listed; the name itself is shown harmless."""
    with pytest.raises(BadInput) as refused:
        explain("\x1b[2J???")
    (line,) = refused.value.lines
    assert line.startswith("nothing is called '\\x1b[2J???'; known faults: bad_middleware, bad_request, ")
    assert "; guarantees: parent-alive, fault-fired, order, " in line


def test_lists_have_a_line_each() -> None:
    """Every fault with its first sentence, every guarantee with what holds."""
    faults = list(listing.faults())
    assert [line.split()[0] for line in faults] == sorted(fault_kinds())
    assert "noop              Does nothing at all." in faults
    guarantees = list(listing.guarantees())
    assert [line.split()[0] for line in guarantees] == [each.name for each in JUDGING]
    assert all(each.holds_when in line for each, line in zip(JUDGING, guarantees, strict=True))


def install(folder: Path, group: str, name: str) -> None:
    """A package that offers something which cannot be imported."""
    info = folder / "broken-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: broken\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[{group}]\n{name} = no_such_module:Thing\n")


def test_a_fault_plug_in_that_cannot_be_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message names the entry point; no traceback."""
    install(tmp_path, "gostage_sim.faults", "odd")
    monkeypatch.syspath_prepend(tmp_path)
    expected = (
        "fault 'odd' (no_such_module:Thing), entry point of group gostage_sim.faults: cannot be imported: "
        "ModuleNotFoundError: No module named 'no_such_module'"
    )
    for attempt in (listing.faults, lambda: explain("crash")):
        with pytest.raises(BadInput) as refused:
            attempt()
        assert refused.value.lines == (expected,)


def test_a_guarantee_plug_in_that_cannot_be_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message names the entry point; the explanations of others are not spoilt."""
    install(tmp_path, "gostage_sim.guarantees", "odd")
    monkeypatch.syspath_prepend(tmp_path)
    expected = (
        "guarantee 'odd' (no_such_module:Thing), entry point of group gostage_sim.guarantees: cannot be loaded: "
        "ModuleNotFoundError: No module named 'no_such_module'"
    )
    for attempt in (listing.guarantees, lambda: explain("odd")):
        with pytest.raises(BadInput) as refused:
            attempt()
        assert refused.value.lines == (expected,)
    assert explain("order").startswith("order\n")
