"""gostage-sim: run risky work in child processes, break it on purpose, and prove that the parent survives.

The map of the house, upper rooms import lower ones, never the other way:

* `cli`, `pytest_plugin`   the two doors: the command line and the pytest plug-in
* `standard_streams`       what the first of them prints to, whatever became of it
* `plugin`                 what stands behind `pytest_plugin`: the fixture, scenario files as tests, the report
* `workflow_command`       workflows in files, run and checked from the command line
* `fuzz`                   scenarios that are drawn, run, and made small where they fail
* `bench`                  speed as ratios, measured side by side in one run
* `report`                 report.json, junit.xml, summary.md, report.html, the terminal
* `harness`                observer, subject and child processes; runs one scenario and collects the evidence
* `strategies`             Hypothesis strategies for scenarios and their parts
* `testing`                what a fault and a guarantee of anybody's must be, as checks
* `guarantees`             one guarantee a file: a pure function of the history
* `scenario`               the model of a scenario file and its loader
* `faults`                 one fault a file: what is broken, where, how, and what witnesses it
* `history`                journals that survive SIGKILL, and the merged history
* `workflow_child`         progress of such a workflow as messages, and its child process
* `gostage`                the engine, complete alone: workflows, and sub-workflows in child processes
* `units`                  durations and sizes as scenario files write them

Nothing is imported here: a child process runs the facade of every package above its module, and its start-up counts.
"""

__version__ = "0.1.0"
