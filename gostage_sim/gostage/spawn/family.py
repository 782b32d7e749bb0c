"""All descendants of one child, to be ended wherever they went, also when this program is killed and cannot do it.

For that a guardian waits beside the child: a process that does nothing until this program is gone, then ends whoever
bears the child's mark, and leaves.
"""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from collections.abc import MutableMapping

from gostage_sim.gostage.spawn.descendants import FAMILY_VARIABLE, end_family
from gostage_sim.gostage.spawn.process import close_kept, keep_from_forks, open_pipe


class Family:
    """Who descends from a child that is about to start with `environment`, into which a mark is put.

    OSError when no guardian can be started; `close()` ends it.
    """

    def __init__(self, environment: MutableMapping[str, str]) -> None:
        self._mark = uuid.uuid4().hex
        self._owner = os.getpid()
        reading, self._lifeline = open_pipe()
        keep_from_forks(self._lifeline)
        try:
            self._guardian = subprocess.Popen(
                [sys.executable, "-I", "-S", "-c", _GUARDIAN.format(path=_INSTALLED_IN, mark=self._mark)],
                stdin=reading,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
                cwd="/",
            )
        except BaseException:
            close_kept(self._lifeline)
            raise
        finally:
            os.close(reading)
        environment[FAMILY_VARIABLE] = f"{environment.get(FAMILY_VARIABLE, '')}:{self._mark}".lstrip(":")

    def end(self) -> None:
        """SIGKILL to who left the child's process group; returns when they are gone."""
        end_family(self._mark)

    def close(self) -> None:
        """The child is gone, and who descends from it may live on."""
        if self._owner != os.getpid():  # in a fork of the program whose guardian it is
            self._guardian.returncode = 0
            return
        self._guardian.kill()
        self._guardian.wait()
        if self._lifeline >= 0:
            fd, self._lifeline = self._lifeline, -1
            close_kept(fd)


_INSTALLED_IN = os.path.abspath(__file__).rpartition(os.path.join("", "gostage_sim", "gostage", "spawn", ""))[0]
_GUARDIAN = """\
import os, sys
sys.path.insert(0, {path!r})
from gostage_sim.gostage.spawn.descendants import end_family
os.read(0, 1)
end_family({mark!r})
"""
