"""`gostage-sim new` and `gostage-sim schema`: a scenario file to begin with, and the JSON Schema for editors."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from gostage_sim.report.bad_input import BadInput
from gostage_sim.report.escape import visible_line

#: What the schema is called beside the files that name it.
SCHEMA_NAME = "scenario.schema.json"
_SUFFIXES = (".yaml", ".yml")

_TEMPLATE = """\
# yaml-language-server: $schema={schema}
# Run it:      gostage-sim run {file}
# What there is to break a child with:   gostage-sim list faults, gostage-sim explain crash
name: "{name}"
description: All that was sent before the crash is handled, and the siblings never notice.
tags: [mine]

children:
  victim: # a child with faults; each child is a real process
    steps:
      - send: {{count: 100, type: store_put, payload: {{key: "user-{{i}}", value: "{{faker.name}}"}}}}
      - log: all users are in # one more message
      # - call: myapp.jobs:import_csv   # your own action: an importable function of one argument
      #   with: {{path: data.csv}}
    faults:
      - crash: {{signal: SIGSEGV}} # a real bad read
        at: {{message: 50}} # also: definition, {{step: 2}}, {{message: 50, byte: 10}}, result
  sibling: # a child without faults
    copies: 2
    steps:
      - send: {{count: 60}}
      - log: done

# handlers:             # what the parent's handlers do besides counting
#   store_put: {{delay: 1ms}}

expect: # what is not said is not checked
  victim: {{outcome: signaled, signal: SIGSEGV, handled: 50}}
  sibling: {{outcome: completed, handled: 61}}

# guarantees: [order, no-loss]   # by default all: gostage-sim list guarantees
# transports: [json]             # by default all, and the results are compared
# timeout: 20s                   # for the whole scenario
"""


def schema_text(*, fragment: bool = False) -> str:
    """The schema with the faults and guarantees that are installed; BadInput when one cannot be imported."""
    from gostage_sim.faults import FaultNotLoaded, fault_kinds
    from gostage_sim.guarantees import guarantee_names
    from gostage_sim.scenario import schema

    try:
        return schema.schema_text(fault_kinds(), guarantee_names(), fragment=fragment)
    except FaultNotLoaded as error:
        raise BadInput([visible_line(str(error))]) from None


def write(path: Path) -> Iterable[str]:
    """Write the file, and the schema beside it where there is none; a line for each. BadInput when it cannot be."""
    shown = visible_line(str(path))
    if path.suffix not in _SUFFIXES:
        raise BadInput([f"new {shown}: expected a name that ends in .yaml, as scenario files do"])
    words = " ".join(re.findall(r"\w+", visible_line(path.stem).replace("_", " "))) or "a first scenario"
    text = _TEMPLATE.format(schema=SCHEMA_NAME, file=shown, name=words[0].upper() + words[1:])
    schema = path.with_name(SCHEMA_NAME)
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
        yield f"{shown}: a scenario that runs; change it"
        with schema.open("x", encoding="utf-8") as file:
            file.write(schema_text())
        yield f"{visible_line(str(schema))}: by which editors complete and explain it"
    except FileExistsError as error:
        if error.filename != str(schema):
            raise BadInput(
                [f"new {shown}: it exists already, and nothing is overwritten; choose another name"]
            ) from None
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise BadInput([f"new {shown}: cannot be written: {why}"]) from None
