"""Speed, as ratios measured side by side in one run: `gostage-sim bench`.

* `spawn`     children: messages, starts, deaths, and the same work with other libraries: `gostage-sim bench spawn`
* `engine`    what an action, a stage and the store cost without children: `gostage-sim bench engine`
"""

from __future__ import annotations

from pathlib import Path

INSTALLED_IN = Path(__file__).parent.parent.parent
"""The current folder of every contender: `-m` looks there first, so that it measures this package and no other copy."""
