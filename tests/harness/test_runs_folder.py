"""The folder for runs, when those who work in it are killed."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from gostage_sim.harness import runs_folder


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder for temporary files, of this process and of those it starts."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return tmp_path


@contextmanager
def process(code: str) -> Iterator[str]:
    """Runs the code and then waits to be killed, as it is at the end; what it printed first."""
    program = f"import signal, sys\nfrom pathlib import Path\nfrom gostage_sim.harness import runs_folder\n{code}\n"
    command = [sys.executable, "-c", program + "signal.pause()"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as started:
        assert started.stdout is not None
        try:
            yield started.stdout.readline().strip()
        finally:
            started.kill()


MAKE = "folder, fd = runs_folder.make()\n(folder / 'run').mkdir()\nprint(folder, flush=True)"
HOLD = "with runs_folder.held(Path({!r})):\n    print('held', flush=True)\n    signal.pause()"


def make() -> Path:
    folder, fd = runs_folder.make()
    os.close(fd)
    return folder


def test_what_a_killed_pool_left_is_removed_by_the_next(temporary: Path) -> None:
    """As long as its owner or one of its observers lives the folder stays; then the next pool removes all of it."""
    with ExitStack() as observer:
        with process(MAKE) as folder:
            assert Path(folder).parent == temporary
            assert make() != Path(folder)
            assert Path(folder, "run").is_dir()
            assert observer.enter_context(process(HOLD.format(folder))) == "held"
        make()
        assert Path(folder, "run").is_dir()
    (last,) = [make()]
    assert list(temporary.iterdir()) == [last]


def test_what_is_not_a_folder_of_ours_stays(temporary: Path) -> None:
    """A file or a link of that name is somebody else's, and what the link means even more so."""
    others = temporary / "others"
    others.mkdir()
    (temporary / "gostage-sim-runs-file").write_text("")
    (temporary / "gostage-sim-runs-link").symlink_to(others)
    make()
    assert {each.name for each in temporary.iterdir()} > {"others", "gostage-sim-runs-file", "gostage-sim-runs-link"}


def test_a_folder_that_was_swept_up_before_it_could_be_held(temporary: Path) -> None:
    """An observer whose pool was killed meanwhile has nothing to hold, and makes nothing of it."""
    folder = make()
    make()
    with process(HOLD.format(str(folder))) as said:
        assert said == "held"
        assert not folder.exists()
