"""Speed, as ratios measured side by side in one run: `gostage-sim bench`.

* `spawn`       children: messages, starts, deaths, and the same work with other libraries: `gostage-sim bench spawn`
* `transport`   JSON and gRPC, messages and processor time: `gostage-sim bench transport`
* `engine`      what an action, a stage and the store cost without children: `gostage-sim bench engine`
* `judge`       what it takes to judge ten million messages: `gostage-sim bench judge`
* `table`       the table of the first two: measured in turn, as ratios, with what is to be reached
* `contenders`  all that run in it, each in a parent process of its own
* `processor`   processor time of a parent and its children
"""

from __future__ import annotations

from os.path import dirname  # not pathlib: the children whose starts are measured import this

INSTALLED_IN = dirname(dirname(dirname(__file__)))
"""The current folder of every contender: `-m` looks there first, so that it measures this package and no other copy."""
