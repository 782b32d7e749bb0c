"""Scenario files: what they may say, and how they are read.

The map of this room:

* `model`      the frozen model of a scenario
* `loader`     files, folders and Python data to scenarios; every mistake of every file at once
* `reader` `placement` `expectations` `expected`   a document to the model: the whole, its faults, `expect:`, one value
* `positions`  YAML or Python data as JSON values that know their line and column
* `fragments`  `include:` and `_defaults.yaml`, laid under what a file says itself
* `matrix`     `parametrize:`, a document for each combination of its values
* `docs` `points` what the model and the points of faults say of themselves, for the schema and for `explain`
* `schema`     the JSON Schema of a file, made from the model, for editors
* `problems`   a mistake with its position, and the wording all mistakes share
* `main_thread` who is spawned where the parent handles signals
* `killing`    a parent that is killed, once
* `waits`      faults that wait for another child, and which of them would wait for ever
* `traffic`    which messages a child will send, where that is known
* `patterns`   texts in an expectation that are regular expressions
* `targets` `lookup`   the user's own actions, looked up in a process that is thrown away
* `payloads` `fakes`   payload templates: in the child, and the faker values the observer renders for them
* `twin`       the scenario without its faults, for comparison
* `transports` which scenarios run on which transport
* `conditions` `skip:` and `only_on:`, whether a scenario can run here
* `selection`  `-k EXPR` and `--tag`

Nothing is imported here: child processes import `payloads` and must not load pydantic with it.
"""
