"""Every mistake a scenario file can hold has its position and its words."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from gostage_sim.scenario.model import FILLED_IN, File

HEAD = "name: x\nchildren:\n  a:\n    steps:\n      - send: 5\n"
STEP = "name: x\nchildren:\n  a:\n    steps:\n      - "
STEPS = "send, call, log, put, delete, sleep, spin, allocate, open_files, threads, spawn"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "nmae: x\nchildren: {a: {steps: []}}\n",
            "1:1: unknown key 'nmae'; did you mean 'name'? known keys: "
            + ", ".join(key for key in File.model_fields if key not in FILLED_IN),
        ),
        ("children: {a: {steps: []}}\n", "1:1: scenario has no 'name'; it is required"),
        (
            "name: x\n",
            "1:1: scenario has no 'children'; it is required, for example children: {worker: {steps: [send: 10]}}",
        ),
        ("name: ''\nchildren: {a: {steps: []}}\n", "1:7: name is ''; expected text that is not blank"),
        (HEAD + "tags: crash\n", "6:7: tags is 'crash'; expected a list, each item text; write [crash]"),
        (HEAD + "tags:\n  - a\n  - 2\n", "8:5: tags, item 2, is 2; expected text; put it in quotes"),
        (HEAD + "transports: [json, jsno]\n", "6:20: unknown transport 'jsno'; did you mean 'json'?"),
        (HEAD + "transports: []\n", "6:13: transports is an empty list; expected at least one"),
        (
            HEAD + "timeout: 20sec\n",
            "6:10: timeout: unknown unit 'sec' in '20sec'; expected one of us, ms, s, m, h",
        ),
        (HEAD + "timeout: 0.5\n", "6:10: timeout: a duration needs a unit, for example 20s, 1ms; found 0.5"),
        (
            HEAD + f"timeout: {'9' * 400}s\n",
            f"6:10: timeout is '{'9' * 59}…; that is too large to be a duration such as 20s or 1ms",
        ),
        (
            HEAD + "handlers: {message: {delay: 1}}\n",
            "6:29: delay: a duration needs a unit, for example 20s, 1ms; found 1",
        ),
        (
            HEAD + "handlers: {message: 1ms}\n",
            "6:21: handler is '1ms'; expected a mapping of delay, raise_every, block, spawn, exit, at",
        ),
        (HEAD + "handlers: {message: {block: 2m}}\n", "6:29: block is '2m'; expected a duration from 0s to 60s"),
        (
            HEAD + "handlers: {message: {raise_every: 0}}\n",
            "6:35: raise_every is 0; expected a whole number of at least 1",
        ),
        (
            HEAD + "handlers: {message: {delay: 1s, at: 3}}\n",
            "6:33: at is where block, spawn or exit happen; this handler does none of them",
        ),
        (
            HEAD + "handlers: {message: {exit: true, at: 6}}\n",
            "6:38: at is 6; no child sends more than 5 of type 'message'",
        ),
        (
            HEAD + "handlers: {message: {raise_every: 6}}\n",
            "6:35: raise_every is 6; no child sends more than 5 of type 'message'",
        ),
        (
            HEAD + "expect: {a: {handler_errors: 101}}\n",
            "6:30: handler_errors is 101; of a child the engine records the first 100",
        ),
        (
            HEAD + "expect: {a: {handler_errors: {at_least: 5, at_most: 3}}}\n",
            "6:41: at_least is 5, which is above at_most: 3; no number is both",
        ),
        (
            HEAD + "expect: {a: {stderr: '/a(/'}}\n",
            "6:22: stderr is '/a(/', no regular expression: missing ), unterminated subpattern at position 1",
        ),
        (HEAD + "expect: {a: {error: 5}}\n", "6:21: error is 5; expected text; put it in quotes"),
        (HEAD + "expect: {a: {final_store: [k]}}\n", "6:27: final_store is a list; expected a mapping"),
        (
            HEAD + "expect: {a: {final_store: {}}}\n",
            "6:27: final_store is empty; expected at least one key with its value",
        ),
        (
            HEAD + "expect: {a: {raises: ValueError}}\n",
            "6:22: unknown raises 'ValueError'; expected one of 'SystemExit', 'KeyboardInterrupt'",
        ),
        (
            HEAD + "handlers: {message: {exit: true}}\nexpect: {a: {raises: SystemExit, outcome: completed}}\n",
            "7:43: where spawn() raises there is no result; leave out outcome or raises",
        ),
        (HEAD + "handlers:\n", "6:1: handlers is nothing; expected a mapping"),
        (HEAD + "expect: {A: {}}\n", "6:10: unknown child 'A'; did you mean 'a'?"),
        (HEAD + "expect: {a: {outcome: signalled}}\n", "6:23: unknown outcome 'signalled'; did you mean 'signaled'?"),
        (HEAD + "expect: {a: {signal: SIGSEVG}}\n", "6:22: unknown signal 'SIGSEVG'; did you mean 'SIGSEGV'?"),
        (HEAD + "expect: {a: {signal: 11}}\n", "6:22: signal is 11; expected a signal name such as SIGSEGV"),
        (
            HEAD + "expect: {a: {handled: -1}}\n",
            "6:23: handled is -1; expected a whole number of at least 0 or a mapping of at_least, at_most",
        ),
        (
            HEAD + "expect: {a: {handled: {at_leest: 1}}}\n",
            "6:24: unknown key 'at_leest'; did you mean 'at_least'? known keys: at_least, at_most",
        ),
        (HEAD + "guarantees: [odrer]\n", "6:14: unknown guarantee 'odrer'; did you mean 'order'?"),
        (HEAD + "guarantees: order\n", "6:13: guarantees is 'order'; expected 'all' or a list of names"),
        (HEAD + "expect_verdict: {odrer: fail}\n", "6:18: unknown guarantee 'odrer'; did you mean 'order'?"),
        (
            HEAD + "expect_verdict: {order: pass}\n",
            "6:25: order is 'pass'; expected 'fail': all others must pass anyway",
        ),
        (HEAD + "expect_verdict: order\n", "6:17: expect_verdict is 'order'; expected a mapping"),
        (
            HEAD + "guarantees: [no-loss]\nexpect_verdict: {order: fail}\n",
            "7:18: guarantee 'order' is expected to fail, and not among the guarantees of this scenario",
        ),
        (HEAD + "guarantees: [1]\n", "6:14: guarantees, item 1, is 1; expected the name of a guarantee"),
        (HEAD + "  b: 3\n", "6:6: child 'b' is 3; expected a mapping with steps"),
        (
            HEAD + "  b:\n    stpes: []\n",
            "7:5: unknown key 'stpes'; did you mean 'steps'? known keys: steps, faults, copies, timeout, grace, "
            "definition_size, end_daemons, max_message, wave, limits, options, launcher, command",
        ),
        (HEAD + "  b: {copies: 2}\n", "6:6: child has no 'steps'; it is required, for example steps: [send: 10]"),
        (HEAD + "  b: {steps: 2}\n", "6:14: steps is 2; expected a list"),
        (HEAD + "    copies: 501\n", "6:13: copies is 501; expected a whole number from 1 to 500"),
        (
            HEAD + "    limits: 5\n",
            "6:13: limits is 5; expected a mapping of memory, cpu, open_files, processes, file_size",
        ),
        (
            HEAD + "    launcher: fork_sever\n",
            "6:15: unknown launcher 'fork_sever'; did you mean 'fork_server'?",
        ),
        (
            HEAD + "    command: [pwd]\n",
            "4:5: a command is a program of its own and has no steps; leave out steps or command",
        ),
        (HEAD + "  b: {command: []}\n", "6:16: command is an empty list; expected a program and its arguments"),
        (HEAD + "  b: {command: [x, 5]}\n", "6:20: command, item 2, is 5; expected text; put it in quotes"),
        (HEAD + "  b: {command: x}\n", "6:16: command is 'x'; expected a list, each item text; write [x]"),
        (HEAD + "    wave: 0\n", "6:11: wave is 0; expected a whole number from 1 to 100"),
        (HEAD + "    limits: {memory: 5}\n", "6:22: memory: a size needs a unit, for example 64KiB, 10MB; found 5"),
        (HEAD + "    limits: {cpu: 5ms}\n", "6:19: cpu is '5ms'; expected a duration from 1s to 1h"),
        (HEAD + "    limits: {open_files: 3}\n", "6:26: open_files is 3; expected a whole number of at least 16"),
        (
            HEAD + "    limits: {memroy: 1GiB}\n",
            "6:14: unknown key 'memroy'; did you mean 'memory'? "
            "known keys: memory, cpu, open_files, processes, file_size",
        ),
        (
            HEAD + "    options: {user: nobody}\n",
            "6:15: user is for a command; a child of ours writes a journal that no other user may open",
        ),
        (HEAD + "    options: {nice: 20}\n", "6:21: nice is 20; expected a whole number from -20 to 19"),
        (HEAD + "    options: {umask: 0o1000}\n", "6:22: umask is 512; expected a whole number from 0 to 511"),
        (
            HEAD + "    options: {environment: {A: 5}}\n",
            "6:32: environment is 5; expected text without null characters; put it in quotes",
        ),
        (HEAD + "    copies: true\n", "6:13: copies is true; expected a whole number from 1 to 500"),
        (
            HEAD + "  recovery: {steps: []}\n",
            "6:3: the child name 'recovery' is taken: it is the fresh child started at the end; choose another",
        ),
        (HEAD + "  a/b: {steps: []}\n", "6:3: child name 'a/b'; expected a letter, then letters, digits, '_' and '-'"),
        (STEP + "send", f"5:9: a step is 'send'; expected a mapping with one of {STEPS}"),
        (STEP + "{}", f"5:9: a step is empty; expected one of {STEPS}"),
        (STEP + "sned: 1", f"5:9: unknown key 'sned'; did you mean 'send'? known keys: {STEPS}"),
        (STEP + "{send: 1, log: x}", "5:19: a step does one thing; found send and log: make it 2 steps"),
        (STEP + "{send: 1, with: {}}", "5:19: 'with' belongs to 'call'; this step is 'send'"),
        (STEP + "{with: {}}", "5:10: 'with' belongs to 'call'; this step has no 'call'"),
        (STEP + "send: 0", "5:15: count is 0; expected a whole number from 1 to 100000000"),
        (STEP + "send: " + "7" * 5000, f"5:15: the integer {'7' * 20}… of 5000 digits does not fit in 64 bits"),
        (STEP + "send: {count: 2024-01-01}", "5:23: 2024-01-01 is a date to YAML; put it in quotes"),
        (STEP + "!mine x", "5:9: the YAML tag '!mine' is not known here; expected plain YAML"),
        (HEAD + "  1: {steps: []}\n", "6:3: the key 1 is not text; put it in quotes"),
        (STEP + "send: many", "5:15: count is 'many'; expected a whole number from 1 to 100000000"),
        (
            STEP + "send: {size: 1KB, payload: hello}",
            "5:36: payload is 'hello'; with size it gets a text: expected a mapping",
        ),
        (STEP + "send: {size: 2GiB}", "5:22: size is '2GiB'; expected a size from 0B to 1GiB"),
        (STEP + "send: [1]", "5:15: send is a list; expected a mapping of count, type, payload, size, bulk"),
        (
            STEP + "send: {cuont: 1}",
            "5:16: unknown key 'cuont'; did you mean 'count'? known keys: count, type, payload, size, bulk",
        ),
        (STEP + "send: {bulk: yes}", "5:22: bulk is 'yes'; expected true or false"),
        (
            STEP + "send: {payload: ['{j}']}",
            "5:26: unknown placeholder '{j}' in '{j}'; expected '{i}' or '{faker.name}'; "
            "write '{{' and '}}' for braces",
        ),
        (STEP + "send: {payload: {'x{': 1}}", "5:26: unmatched '{' in 'x{'; write '{{' for a brace"),
        (STEP + "send: {payload: '{faker.nmae}'}", "5:25: unknown faker provider 'nmae'; did you mean 'name'?"),
        (STEP + "log: {message: a, level: wraning}", "5:34: unknown level 'wraning'; did you mean 'warning'?"),
        (STEP + "log: 3", "5:14: message is 3; expected text; put it in quotes"),
        (STEP + "put: {value: 1}", "5:14: put has no 'key'; it is required"),
        (STEP + "put: a", "5:14: put is 'a'; expected a mapping of key, value"),
        (STEP + "delete: 3", "5:17: key is 3; expected text; put it in quotes"),
        (STEP + "delete: [a]", "5:17: delete is a list; expected a mapping of key"),
        (STEP + "sleep: 20", "5:16: duration: a duration needs a unit, for example 20s, 1ms; found 20"),
        (STEP + "sleep: 61s", "5:16: duration is '61s'; expected a duration from 0s to 60s"),
        (STEP + "spin: {duratoin: 1s}", "5:16: unknown key 'duratoin'; did you mean 'duration'? known keys: duration"),
        (STEP + "allocate: 5GiB", "5:19: size is '5GiB'; expected a size from 1B to 4GiB"),
        (STEP + "open_files: 0", "5:21: count is 0; expected a whole number from 1 to 100000"),
        (STEP + "threads: many", "5:18: count is 'many'; expected a whole number from 1 to 10000"),
        (STEP + "spawn: 3", "5:16: spawn is 3; expected a mapping of steps, timeout"),
        (STEP + "spawn: {timeout: 1s}", "5:16: spawn has no 'steps'; it is required, for example steps: [send: 10]"),
        (STEP + "spawn: {steps: [sned: 1]}", f"5:25: unknown key 'sned'; did you mean 'send'? known keys: {STEPS}"),
        (STEP + "spawn: {steps: [call: 'os.path:joni']}", "5:31: 'os.path' has no 'joni'; did you mean 'join'?"),
        (
            STEP + "spawn: {steps: [spawn: {steps: [spawn: {steps: [spawn: {steps: []}]}]}]}",
            "5:57: a spawn in 3 others; expected at most 3 in each other",
        ),
        (STEP + "call: json", "5:15: call is 'json'; expected 'package.module:function'"),
        (STEP + "call: [json]", "5:15: call is a list; expected 'package.module:function'"),
        (STEP + "{call: 'os.path:join', with: 3}", "5:38: with is 3; expected a mapping"),
        (STEP + "call: os.path:joni", "5:15: 'os.path' has no 'joni'; did you mean 'join'?"),
        (HEAD + "imports: 5\n", "6:10: imports is 5; expected a list, each item text"),
        (HEAD + "imports:\n", "6:1: imports is nothing; expected a list, each item text"),
        (HEAD + "imports: foo\n", "6:10: imports is 'foo'; expected a list, each item text; write [foo]"),
        (HEAD + "imports: [5]\n", "6:11: imports, item 1, is 5; expected text; put it in quotes"),
        (HEAD + "imports: [null]\n", "6:11: imports, item 1, is nothing; expected text"),
        (HEAD + "imports: {a: 1}\n", "6:10: imports is a mapping; expected a list, each item text"),
        (HEAD + "transports: 5\n", "6:13: transports is 5; expected a list, each item one of 'json', 'grpc'"),
        (HEAD + "timeout: 700h\n", "6:10: timeout is '700h'; expected a duration from 1ms to 24h"),
        (HEAD + "timeout: 0s\n", "6:10: timeout is '0s'; expected a duration from 1ms to 24h"),
        (HEAD + "    timeout: 25h\n", "6:14: timeout is '25h'; expected a duration from 1ms to 24h"),
        (HEAD + "    timeout: 0ms\n", "6:14: timeout is '0ms'; expected a duration from 1ms to 24h"),
        (HEAD + "    grace: 61m\n", "6:12: grace is '61m'; expected a duration from 0s to 1h"),
        (HEAD + "handlers: {message: {delay: 2m}}\n", "6:29: delay is '2m'; expected a duration from 0s to 60s"),
        (STEP + "send: 1000000000000", "5:15: count is 1000000000000; expected a whole number from 1 to 100000000"),
        (STEP + "send: {type: ' '}", "5:22: type is ' '; expected text that is not blank"),
        ("name: '  '\nchildren: {a: {steps: []}}\n", "1:7: name is '  '; expected text that is not blank"),
        (HEAD + "expect: {a: {exit_code: 300}}\n", "6:25: exit_code is 300; expected a whole number from 0 to 255"),
        (
            HEAD + "expect: {a: {handled: {at_least: 5, at_most: 3}}}\n",
            "6:34: at_least is 5, which is above at_most: 3; no number is both",
        ),
        (
            HEAD + "expect: {a: {outcome: completed, signal: SIGTERM}}\n",
            "6:42: a child that completed was not killed; leave out signal or outcome",
        ),
        (
            HEAD + "expect: {a: {outcome: completed, exit_code: 3}}\n",
            "6:45: exit_code is 3; a child that completed has exit code 0",
        ),
        (
            HEAD + "expect: {a: {exit_code: 3, signal: SIGTERM}}\n",
            "6:25: a child that was killed by a signal has no exit code; leave out exit_code or signal",
        ),
        (HEAD + "guarantees: []\n", "6:13: guarantees is an empty list; expected 'all' or at least one name"),
        (HEAD + "imports: [no-module]\n", "6:11: imports, item 1, 'no-module': not the name of a module"),
    ],
)
def test_a_mistake_has_its_position_and_its_words(
    problems: Callable[[str], list[str]], text: str, expected: str
) -> None:
    """One mistake gives one message, `file:line:column: what was found; what was expected`."""
    assert problems(text) == [f"x.yaml:{expected}"]


@pytest.mark.parametrize(
    ("more", "handlers", "expected"),
    [
        ("", "lgo: {delay: 5s}", ["8:12: unknown message type 'lgo'; did you mean 'log'?"]),
        (
            "",
            "zzz: {delay: 5s}",
            [
                "8:12: unknown message type 'zzz'; "
                "expected one of 'message', 'log', 'flood-0', 'final_store', 'workflow_result'"
            ],
        ),
        ("", "log: {}, message: {}, workflow_result: {}, flood-0: {}, recovery: {}", []),
        ("  c: {steps: [call: 'os.path:isdir']}\n", "lgo: {delay: 5s}", []),
        ("  c: 3\n", "lgo: {delay: 5s}", ["8:6: child 'c' is 3; expected a mapping with steps"]),
    ],
)
def test_a_handler_is_for_a_type_that_somebody_sends(
    problems: Callable[[str], list[str]], more: str, handlers: str, expected: list[str]
) -> None:
    """Steps, faults, the engine and the fresh child at the end send types; a user's action may send any."""
    children = f"{HEAD}      - log: x\n    faults: [{{flood: 3, at: result}}]\n{more}"
    assert problems(f"{children}handlers: {{{handlers}}}\n") == [f"x.yaml:{line}" for line in expected]


@pytest.mark.parametrize(
    ("transports", "fault", "expected"),
    [
        (
            "",
            "connection: {form: reset}, at: {message: 1}",
            [
                "6:15: fault 'connection' cannot be done on json: over JSON a child has no connection; "
                "say on which transports the scenario runs: transports: [...]"
            ],
        ),
        ("[grpc]", "connection: {form: reset}, at: {message: 1}", []),
        (
            "[grpc]",
            "flood: 3, at: definition",
            [
                "6:15: fault 'flood' cannot be done on grpc: by gRPC a child has no channel before it has read its "
                "definition"
            ],
        ),
        ("[json]", "flood: 3, at: definition", []),
        (
            "[grpc]",
            "kill: {in_write: true}, at: {message: 1, byte: 1}",
            [
                "6:15: fault 'kill' cannot be done on grpc: gRPC never blocks in a write, what the parent does not "
                "take yet waits in the child's memory"
            ],
        ),
        ("[json]", "kill: {in_write: true}, at: {message: 1, byte: 1}", []),
        (
            "[json]",
            "lose_server: {}, at: {handler: 3}",
            ["6:15: fault 'lose_server' cannot be done on json: over JSON there is no server"],
        ),
    ],
)
def test_a_fault_exists_on_the_transports_of_its_scenario(
    problems: Callable[[str], list[str]], transports: str, fault: str, expected: list[str]
) -> None:
    """Found when the file is read, not when nothing happens in its run."""
    text = f"{HEAD}    faults: [{{{fault}}}]\n" + (f"transports: {transports}\n" if transports else "")
    assert problems(text) == [f"x.yaml:{line}" for line in expected]


def test_one_fault_hides_no_other(problems: Callable[[str], list[str]]) -> None:
    """What is wrong with one fault keeps nobody from seeing what is wrong with another of the same child."""
    faults = (
        "connection: {form: reset}, at: {message: 2}",
        "crash: SIGSEV, at: {step: 9}",
        "noop: , at: {message: 500}",
    )
    text = f"{HEAD}    faults:\n" + "".join(f"      - {{{fault}}}\n" for fault in faults) + "transports: [json]\n"
    assert [line.split(": ", 1)[1] for line in problems(text)] == [
        "fault 'connection' cannot be done on json: over JSON a child has no connection",
        "parameter 'signal' of fault 'crash' is 'SIGSEV'; did you mean 'SIGSEGV'?",
        "step 9 does not exist; child 'a' has 1 step",
        "message 500 does not exist; child 'a' sends 7, the final store and the result at its end included",
    ]
    unread = problems(f"{HEAD}    faults: [{{flood: x, at: result}}, {{noop: , at: {{message: 500}}}}]\n")
    assert len(unread) == 1  # of a flood that cannot be read, nobody knows how many messages it sends


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("expect_on: {grpc: {a: {handled: 3}}}", []),
        ("expect_on: {gprc: {}}", ["6:13: unknown transport 'gprc'; did you mean 'grpc'?"]),
        ("expect_on: {grpc: {b: {}}}", ["6:20: unknown child 'b'; expected 'a'"]),
        (
            "expect_on: {grpc: {a: {signal: SIGX}}}",
            ["6:32: unknown signal 'SIGX'; did you mean 'SIGXFSZ'?"],
        ),
        (
            "transports: [json]\nexpect_on: {grpc: {}}",
            ["7:13: this scenario does not run on grpc; its transports are json"],
        ),
        ("expect_on: 5", ["6:12: expect_on is 5; expected a mapping"]),
    ],
)
def test_what_is_expected_on_one_transport(
    problems: Callable[[str], list[str]], text: str, expected: list[str]
) -> None:
    """The children of a transport of this scenario, with the keys and the checks of `expect`."""
    assert problems(f"{HEAD}{text}\n") == [f"x.yaml:{line}" for line in expected]


def test_one_mistake_hides_no_other(problems: Callable[[str], list[str]]) -> None:
    """All mistakes of a file are reported at once, in its order."""
    assert problems(
        """\
        name: x
        timeout: 3
        children:
          a:
            steps:
              - send: {count: 0, typo: 1}
              - call: os:nothing_like_it
            faults:
              - crash: {signal: 11}
                at: {step: 3}
        expect: {b: {exit_code: '1', stderr: '/(/', signal: SIGFOO}}
        """
    ) == [
        "x.yaml:2:10: timeout: a duration needs a unit, for example 20s, 1ms; found 3",
        "x.yaml:6:23: count is 0; expected a whole number from 1 to 100000000",
        "x.yaml:6:26: unknown key 'typo'; did you mean 'type'? known keys: count, type, payload, size, bulk",
        "x.yaml:7:15: 'os' has no 'nothing_like_it'",
        "x.yaml:9:25: parameter 'signal' of fault 'crash' is 11; expected one of 'SIGSEGV', 'SIGABRT', "
        "'SIGBUS', 'SIGILL', 'SIGFPE'",
        "x.yaml:10:20: step 3 does not exist; child 'a' has 2 steps",
        "x.yaml:11:10: unknown child 'b'; expected 'a'",
        "x.yaml:11:25: exit_code is '1'; expected a whole number from 0 to 255",
        "x.yaml:11:38: stderr is '/(/', no regular expression: missing ), unterminated subpattern at position 0",
        "x.yaml:11:53: unknown signal 'SIGFOO'; did you mean 'SIGIO'?",
    ]


def test_imports_of_a_wrong_type_hide_no_other_mistake(problems: Callable[[str], list[str]]) -> None:
    """What is no list, or no name in it, is reported beside everything else; the names are looked up all the same."""
    assert problems(f"imports: 5\n{HEAD}timeout: 3\n") == [
        "x.yaml:1:10: imports is 5; expected a list, each item text",
        "x.yaml:7:10: timeout: a duration needs a unit, for example 20s, 1ms; found 3",
    ]
    assert problems(f"imports: [5, no-module]\n{HEAD}") == [
        "x.yaml:1:11: imports, item 1, is 5; expected text; put it in quotes",
        "x.yaml:1:14: imports, item 2, 'no-module': not the name of a module",
    ]
