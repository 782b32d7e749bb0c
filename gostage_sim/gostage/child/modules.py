"""Modules found as the parent finds them: along its path, and by file where no path leads to them.

pytest's `--import-mode=importlib` and notebooks load modules that no entry of `sys.path` leads to.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False  # see gostage/__init__.py
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType
    from typing import Any


def find_modules_as(places: Mapping[str, Any]) -> None:
    """Take over `{"path": [folder, …], "files": {module: [file or None, folders of a package or None]}}`."""
    sys.path[:] = places["path"]
    if places["files"]:
        sys.meta_path.insert(0, _ByFile(places["files"]))


class _ByFile:
    """A finder that knows the files of some modules."""

    def __init__(self, files: Mapping[str, Sequence[Any]]) -> None:
        self._files = files

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name not in self._files:
            return None
        file, folders = self._files[name]
        if file is not None:
            from importlib.util import spec_from_file_location

            return spec_from_file_location(name, file, submodule_search_locations=folders)
        from importlib.machinery import ModuleSpec

        spec = ModuleSpec(name, None, is_package=True)
        spec.submodule_search_locations = folders or []
        return spec
