"""Speed, as ratios measured side by side in one run: `gostage-sim bench`.

* `spawn`     children: messages, starts, deaths, and the same work with other libraries: `gostage-sim bench spawn`
* `engine`    what an action, a stage and the store cost without children: `gostage-sim bench engine`
"""

from __future__ import annotations

from os.path import dirname  # not pathlib: the children whose starts are measured import this

INSTALLED_IN = dirname(dirname(dirname(__file__)))
"""The current folder of every contender: `-m` looks there first, so that it measures this package and no other copy."""
