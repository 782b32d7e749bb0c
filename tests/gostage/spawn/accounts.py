"""Another user for children, and a program that he may read."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

import gostage_sim
from gostage_sim import gostage

from ..conftest import HEAD, TAIL

OTHER_USER = "nobody"
AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="switching users needs root; CI runs these with sudo")


def readable_python(tmp_path_factory: pytest.TempPathFactory, code: str) -> gostage.Runner:
    """A runner whose children run that code and then are children, as `program`, also as another user; over JSON, as
    that interpreter need not have gRPC."""
    folder = tmp_path_factory.mktemp("readable")
    script = folder / "program.py"
    script.write_text(HEAD + code + TAIL)
    copy_package(folder)
    for path in (folder, *folder.parents):  # how many pytest makes depends on its plug-ins
        if path != Path(tempfile.gettempdir()) and path.is_relative_to(tempfile.gettempdir()):
            path.chmod(0o755)
    argv = [public_python(), str(script), "--gostage-child"]
    return gostage.Runner(launcher=gostage.launchers.Program(argv, foreign=False), transport="json")


def copy_package(folder: Path) -> None:
    """The package once more, in a folder that everybody may enter: an environment below /root or .tox is not one."""
    source = Path(gostage_sim.__file__).parent
    shutil.copytree(source, folder / "gostage_sim", ignore=shutil.ignore_patterns("__pycache__"))


def public_python() -> str:
    """One that the other user may execute: a development interpreter below /root is not."""
    for name in ("python3", "python3.13", "python3.12", "python3.11"):
        for folder in ("/usr/bin", "/usr/local/bin", *os.environ["PATH"].split(os.pathsep)):
            found = shutil.which(name, path=folder)
            check = "import sys; sys.exit(sys.version_info < (3, 11))"
            if found and subprocess.run([found, "-c", check], user=OTHER_USER, cwd="/", check=False).returncode == 0:
                return found
    pytest.fail(f"no Python 3.11 or newer that the user {OTHER_USER} may execute; install one in /usr/bin")
