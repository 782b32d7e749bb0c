"""The rooms behind the pytest plug-in; `gostage_sim.pytest_plugin` is its door and loads them when they are needed.

* `runner`    the one observer of a session, started at the first scenario, gone at the end
* `child`     the fixture `gostage_child`: one real child with faults, and what became of it
* `engine`    the fixture `gostage_runner`: the engine in the test's own process, and nobody left of its children
* `collect`   scenario files as test items, and which YAML files are ours
* `reports`   `--gostage-report`: the results of all items, also those of xdist's workers, as report files

Nothing is imported here, and modules import the harness only inside functions: a suite without a scenario pays nothing.
"""
