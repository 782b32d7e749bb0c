"""What a run leaves for people and machines: its files, and what the terminal shows.

* `run_report`    the run as one value, and writing all its files at once
* `json_report`, `junit`, `summary`    one writer a format, each a pure function from the run to text; `report_schema`
  is that of the first
* `pages`         report.html and trace.json when the run is over, by `html` and `trace` from `stories`: each result
  with its scenario file, read by `source`, and its `picture`
* `github`        annotations and the summary of a step, in GitHub Actions
* `terminal`, `live`    progress while it runs, the table and the failures at the end, in the words of `lines`
* `escape`        text of a child made harmless for each of them
* `run_command`   `gostage-sim run`: from paths to an exit code; `choice` picks them, `folder` minds the reports
* `selftest_command`   `gostage-sim selftest`, the same way; `selftest_matrix` is what it ends with
* `rounds`        `--repeat` and `--for`: what is counted and what is kept
* `judge_again`   `gostage-sim report`: the histories of a run judged again
* `history_command`   `gostage-sim history`: what happened in one scenario, line by line
* `compare`       `gostage-sim report --compare`: what changed from one run to another
* `doctor`        `gostage-sim doctor`: what this machine has of what is needed
* `bad_input`     what the user gave cannot be used: exit code 2
* `listing`, `explain`    what there is, and what a name means; `explain_language` for the words of a file
* `new_scenario`    `gostage-sim new`: a scenario file to begin with, and the schema for editors beside it

Nothing is imported here: the command line loads what a subcommand needs and no more.
"""
