"""`gostage-sim fuzz`: scenarios that nobody has thought of, run for real, and the smallest that fails.

The map of this room:

* `command`    from arguments to reports and an exit code
* `generated`  scenarios as Hypothesis draws them, each a file of its own
* `trial`      runs them with an observer pool, several side by side, until the time is over
* `shrink`     a scenario that fails made small, with how often it does
* `smaller`    what a scenario is with a little less in it
* `telling`    what of that is said at a terminal, and what stands above a scenario that was found

Nothing is imported here: Hypothesis is not installed with the package.
"""
