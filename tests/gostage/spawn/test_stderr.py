"""The lines of a child's stderr on their way to the parent's, or to whoever wants them."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from gostage_sim import gostage
from gostage_sim.gostage.spawn.stderr import MAX_LINE_BYTES, TAIL_BYTES, ChildStderr, OwnStderr

RAW = [sys.executable, "-S", "-c"]


def spawn(code: str, forward: object, **options: object) -> gostage.SpawnResult:
    runner = gostage.Runner(launcher=gostage.launchers.Program([*RAW, code]))
    return runner.spawn(
        gostage.SubWorkflowDef.of("x", id="import"),
        options=gostage.SpawnOptions(forward_stderr=forward, **options),  # type: ignore[arg-type]
    )


def test_a_callable_gets_every_line_as_it_came() -> None:
    """Lines come in order, without their newline, however they were written; the last one needs none."""
    lines: list[str] = []
    result = spawn(
        "import os\nfor part in (b'a\\nb', b'\\xff\\x1b[2J\\n', b'\\n', b'end'): os.write(2, part)", lines.append
    )
    assert lines == ["a", "b\\xff\x1b[2J", "", "end"]
    assert result.stderr_tail == "a\nb\\xff\x1b[2J\n\nend"


def test_forwarded_while_the_child_runs() -> None:
    """A line is forwarded when it is there, not when the child is gone."""
    lines: list[str] = []

    def end_it(line: str) -> None:
        lines.append(line)
        handle.kill()

    code = "import os, signal; os.write(2, b'up\\n'); signal.pause()"
    runner = gostage.Runner(launcher=gostage.launchers.Program([*RAW, code]))
    options = gostage.SpawnOptions(forward_stderr=end_it, timeout_s=30)
    handle = runner.start(gostage.SubWorkflowDef.of("x"), options=options)
    assert handle.wait().outcome == "cancelled"
    assert lines == ["up"]


def test_own_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    """On the parent's stderr each line has the workflow's id in front, and nothing in it acts on a terminal."""
    spawn("import os; os.write(2, b'\\ttab \\x1b[31mred\\x07\\r\\nsecond \\xe2\\x80\\xae\\n')", True)
    assert capsys.readouterr().err == "import: \ttab \\x1b[31mred\\x07\nimport: second \\u202e\n"


def test_lines_are_bounded() -> None:
    """A line over 8 KiB is cut, and says how much is missing; what is kept of the stream is bounded."""
    stderr = ChildStderr(print, "w")
    lines = [line for _ in range(100) for line in stderr.feed(b"x" * 1000)]
    assert lines == []
    assert stderr._splitter.held_bytes <= MAX_LINE_BYTES
    assert list(stderr.feed(b"\nnext\n")) == [
        f"{'x' * MAX_LINE_BYTES}… {100_000 - MAX_LINE_BYTES} bytes left out",
        "next",
    ]
    assert len(stderr.tail) == TAIL_BYTES


def test_what_the_callable_raises_is_recorded() -> None:
    """An error ends neither the forwarding nor the child; it is recorded with the number of the line."""
    lines: list[str] = []

    def forward(line: str) -> None:
        lines.append(line)
        if line == "b":
            raise LookupError("not this one")

    result = spawn("import os; os.write(2, b'a\\nb\\nc\\n')", forward)
    assert (result.outcome, lines) == ("completed", ["a", "b", "c"])
    assert [(e.message_type, e.sequence, repr(e.error)) for e in result.handler_errors] == [
        ("stderr", 2, "LookupError('not this one')")
    ]


def test_a_slow_callable_does_not_hide_the_deadline() -> None:
    """Time is looked at between two lines: a child that is over its time is ended though lines are left."""
    code = "import os, signal; os.write(2, b'x\\n' * 1000); signal.pause()"
    count = 0

    def slow(line: str) -> None:
        nonlocal count
        count += 1
        if handle._driver is not None and count < 1000 and not handle._driver.process.has_exited():
            subprocess.run(["sleep", "0.05"], check=True)  # the slowness is what is tested, nothing waits for it

    runner = gostage.Runner(launcher=gostage.launchers.Program([*RAW, code]))
    handle = runner.start(
        gostage.SubWorkflowDef.of("x"), options=gostage.SpawnOptions(forward_stderr=slow, timeout_s=0.3)
    )
    result = handle.wait()
    assert result.outcome == "timed_out"
    assert result.total_s < 10
    assert count == 1000


def test_nobody_reads_our_stderr(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the parent's own stderr is full, lines are left out and counted; the child is not held up."""
    reading, writing = os.pipe()
    with open(reading, "rb") as ours, open(writing, "w", encoding="utf-8") as theirs:
        monkeypatch.setattr(sys, "stderr", theirs)
        own = OwnStderr("w")
        for _ in range(1000):
            own.show("x" * 900)
        assert own._left_out > 900
        os.set_blocking(ours.fileno(), False)
        assert ours.read().count(b"\n") == 1000 - own._left_out
        left_out = own._left_out
        own.show("again")
        assert ours.read() == f"w: ({left_out} lines left out: nobody read this program's stderr) again\n".encode()
