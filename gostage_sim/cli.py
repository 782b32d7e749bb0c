"""The command line: arguments in, exit code out; every subcommand imports what it needs when it is called."""

from __future__ import annotations

import errno
import os
import resource
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from typer.core import TyperGroup

from gostage_sim.standard_streams import take_over

# Those of a verdict are in `report.run_command`.
BAD_USAGE, DEFECT, INTERRUPTED = 2, 3, 130

_EXIT_CODES = (
    "Exit codes: 0 pass, 1 fail, 2 bad usage, bad scenario file or output that could not be written, "
    "3 unknown or a defect of the tool, "
    "129, 130 and 143 interrupted by SIGHUP, Ctrl-C and SIGTERM."
)


class _Commands(TyperGroup):
    """The commands, whose usage errors say nothing of the library that found them."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except typer.BadParameter as error:
            error.message = error.message.removeprefix("Value error, ")  # what pydantic puts before typer's own words
            raise


def _path(text: str | Path) -> Path:
    """PATH and `--report`. An empty text would be the current folder, which nobody meant whose variable is empty."""
    if not str(text):
        raise typer.BadParameter("'' is not the name of a file or folder; write . for the current folder")
    return Path(text)


def _duration(text: str | float) -> float:
    """Seconds, of a text as scenario files have it."""
    from gostage_sim.units import parse_duration

    try:
        return parse_duration(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


def _budget(text: str | float) -> float:
    """`--budget`: long enough to find something, and not for ever."""
    seconds = _duration(text)
    if not 1 <= seconds <= 7 * 24 * 3600:
        raise typer.BadParameter(f"{text!r} is not a duration from 1s to 168h")
    return seconds


def _whole_number(least: int, most: int) -> Callable[[str | int], int]:
    """A parser of numbers from `least` to `most`; of typer's own the words are those of a library for data."""

    def parse(text: str | int) -> int:
        digits = str(text)
        if digits.isascii() and digits.isdigit() and len(digits) <= len(str(most)) and least <= int(digits) <= most:
            return int(digits)
        shown = digits if len(digits) <= 40 else f"{digits[:40]}…"
        raise typer.BadParameter(f"{shown!r} is not a whole number from {least} to {most}")

    return parse


app = typer.Typer(
    cls=_Commands,
    name="gostage-sim",
    help="Break real child processes on purpose, and judge from recorded evidence whether their parent survived.",
    epilog=_EXIT_CODES,
    no_args_is_help=True,
    rich_markup_mode=None,  # plain help: no import of rich, and nothing in it is markup
    pretty_exceptions_enable=False,
)

Workers = Annotated[
    str, typer.Option(metavar="N|auto", help="How many scenarios run side by side, and one more while one waits.")
]
Seed = Annotated[
    int | None,
    typer.Option(
        parser=_whole_number(0, 2**63 - 1), metavar="N", help="Of all randomness; drawn and printed by default."
    ),
]
Paths = Annotated[
    list[Path],
    typer.Argument(parser=_path, metavar="PATH", help="Scenario files, or folders with them.", show_default=False),
]


def _version(wanted: bool) -> None:
    if wanted:
        import gostage_sim

        _say(f"gostage-sim {gostage_sim.__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    pass


@app.command(epilog=_EXIT_CODES, short_help="Run scenarios and write the reports.")
def run(
    paths: Paths,
    transport: Annotated[
        Literal["json", "grpc", "all"],
        typer.Option(envvar="GOSTAGE_IPC_TRANSPORT", help="How child and parent talk; all compares the results."),
    ] = "all",
    workers: Workers = "auto",
    seed: Seed = None,
    tag: Annotated[
        list[str] | None, typer.Option(metavar="T", help="Only scenarios with this tag, or one of these tags.")
    ] = None,
    keyword: Annotated[
        str | None, typer.Option("-k", metavar="EXPR", help="Only matching ones: 'crash and not (slow or flood)'.")
    ] = None,
    report: Annotated[
        Path,
        typer.Option(parser=_path, metavar="DIR", help="Folder for report.json, junit.xml, summary.md, histories."),
    ] = Path("reports/latest"),
    twin: Annotated[
        bool, typer.Option("--twin", help="Run each without its faults first, and compare the siblings.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show only failures and the count.")] = False,
    repeat: Annotated[
        int | None,
        typer.Option(parser=_whole_number(1, 1_000_000), metavar="N", help="Run all of them N times, by the one seed."),
    ] = None,
    for_s: Annotated[
        float | None,
        typer.Option("--for", parser=_duration, metavar="10m", help="Again and again for so long, each at least once."),
    ] = None,
) -> None:
    """Run scenarios against real child processes and write the reports."""
    _need_a_folder()
    if repeat is not None and for_s is not None:
        raise typer.BadParameter("'--repeat' and '--for' do not go together; choose one")
    from gostage_sim.report import run_command

    code = run_command.run(
        paths,
        transport=transport,
        workers=workers,
        seed=seed,
        tags=tag or [],
        keyword=keyword,
        report=report,
        twin=twin,
        quiet=quiet,
        repeat=repeat,
        for_s=for_s,
    )
    raise typer.Exit(code)


@app.command(epilog=_EXIT_CODES, short_help="Judge a stored run again.")
def report(
    directory: Annotated[
        Path, typer.Argument(parser=_path, metavar="DIR", help="What 'run --report DIR' wrote.", show_default=True)
    ] = Path("reports/latest"),
    compared: Annotated[
        tuple[str, str] | None,
        typer.Option(
            "--compare",
            metavar="A B",
            help="Judge nothing: say what changed from run A to run B. Exit code 1 when something is worse or gone.",
        ),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show only failures and the count.")] = False,
) -> None:
    """Judge a stored run again, from the histories in its folder alone, and write its reports anew.

    What is missing there, or cannot be read, makes unknown.
    """
    _need_a_folder()
    if compared is not None:
        from gostage_sim.report.compare import compare

        lines, code = compare(_path(compared[0]), _path(compared[1]))
        for line in lines:
            _say(line)
        raise typer.Exit(code)
    from gostage_sim.report.judge_again import judge_again

    raise typer.Exit(judge_again(directory, quiet=quiet))


@app.command(short_help="Print everything that happened in one stored scenario.")
def history(
    folder: Annotated[
        Path, typer.Argument(parser=_path, metavar="DIR", help="One of the folders in 'histories'.", show_default=False)
    ],
) -> None:
    """Print everything that happened in one stored scenario, in the order of time, as lines of JSON.

    Exit code 3 when something is missing or torn; stderr says what.
    """
    _need_a_folder()
    from gostage_sim.report import history_command

    raise typer.Exit(history_command.show(folder))


@app.command(short_help="Validate scenario files without running them.")
def check(paths: Paths) -> None:
    """Validate scenario files without running them; every mistake of every file at once."""
    _need_a_folder()
    from gostage_sim.report.choice import load_all

    scenarios = load_all(paths)
    files = len({scenario.file for scenario in scenarios})
    _say(f"no mistakes: {len(scenarios)} scenario{'s' * (len(scenarios) != 1)} in {files} file{'s' * (files != 1)}")


@app.command(short_help="Write a scenario file to begin with.")
def new(
    path: Annotated[
        Path, typer.Argument(parser=_path, metavar="PATH", help="A name that ends in .yaml.", show_default=True)
    ] = Path("scenario.yaml"),
) -> None:
    """Write a scenario file that runs and explains itself, and beside it the JSON Schema by which editors complete it.

    Nothing that is there is overwritten.
    """
    _need_a_folder()
    from gostage_sim.report import new_scenario

    for line in new_scenario.write(path):
        _say(line)


@app.command(short_help="Print the JSON Schema of scenario files, or of report.json.")
def schema(
    what: Annotated[Literal["scenario", "report"], typer.Argument(help="Of what.")] = "scenario",
    fragment: Annotated[
        bool, typer.Option("--fragment", help="Of fragments and _defaults.yaml, which may leave out anything.")
    ] = False,
) -> None:
    """Print the JSON Schema of scenario files, with which an editor completes and explains them, or of report.json.

    A file says where it is in a comment: `# yaml-language-server: $schema=scenario.schema.json`.
    """
    if what == "report":
        from gostage_sim.report.bad_input import BadInput
        from gostage_sim.report.report_schema import report_schema_text

        if fragment:
            raise BadInput(["schema report: '--fragment' is for 'schema scenario'"])
        _say(report_schema_text().rstrip("\n"))
        return
    from gostage_sim.report.new_scenario import schema_text

    _say(schema_text(fragment=fragment).rstrip("\n"))


@app.command("list")
def list_(
    what: Annotated[Literal["scenarios", "faults", "guarantees"], typer.Argument(help="What to list.")],
    paths: Annotated[
        list[Path] | None,
        typer.Argument(
            parser=_path, metavar="PATH", help="Scenario files or folders; default: scenarios", show_default=False
        ),
    ] = None,
    as_markdown: Annotated[
        bool, typer.Option("--markdown", help="Scenarios by folder, with links and descriptions, as an index has them.")
    ] = False,
) -> None:
    """List scenarios, faults or guarantees, one a line."""
    from gostage_sim.report import listing
    from gostage_sim.report.bad_input import BadInput

    if what == "scenarios":
        _need_a_folder()
        listed = listing.index if as_markdown else listing.scenarios
        found = listed(paths or [Path("scenarios")])
    elif as_markdown:
        raise BadInput([f"list {what}: '--markdown' is for 'list scenarios'"])
    elif paths:
        raise BadInput([f"list {what}: found {str(paths[0])!r}; only 'list scenarios' takes paths"])
    else:
        found = listing.faults() if what == "faults" else listing.guarantees()
    for line in found:
        _say(line)


def _explained(incomplete: str) -> list[str]:
    """What the shell offers; nothing where a plug-in is broken, which the command itself tells."""
    from gostage_sim.faults import FaultNotLoaded
    from gostage_sim.report.explain import names

    try:
        return [name for name in names() if name.startswith(incomplete)]
    except FaultNotLoaded:
        return []


@app.command(short_help="Explain a fault, a guarantee or a word of a scenario file.")
def explain(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME",
            help="A fault or a guarantee, see 'gostage-sim list', or a key, a step or a point of a scenario file: "
            "'scenario', 'send', 'at', 'children.timeout'.",
            show_default=False,
            autocompletion=_explained,
        ),
    ],
) -> None:
    """Explain a fault or a guarantee, what it does, its parameters, what proves it, an example; or a word of a scenario
    file, what it takes and what it means."""
    from gostage_sim.report.explain import explain as text_of

    _say(text_of(name).rstrip("\n"))


workflow_app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
app.add_typer(
    workflow_app,
    name="workflow",
    help="Run and check workflows that are written in files.",
    epilog="Exit codes: 0 completed, 1 failed, 2 bad usage or bad file, 130 interrupted.",
)

WorkflowFile = Annotated[
    Path, typer.Argument(metavar="FILE", help="A definition: .json, .yaml or .yml.", show_default=False)
]
Imports = Annotated[
    list[str] | None, typer.Option("--import", metavar="MODULE", help="A module that registers actions; repeatable.")
]


@workflow_app.command("run", short_help="Run the workflow of a file.")
def workflow_run(
    file: WorkflowFile,
    imports: Imports = None,
    spawn: Annotated[bool, typer.Option("--spawn", help="In a child process, whatever becomes of it.")] = False,
    store: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY=JSON", help="A value for the store, over the file's own; repeatable."),
    ] = None,
) -> None:
    """Run the workflow of a file: progress on stderr, the final store as JSON on stdout."""
    _need_a_folder()
    from gostage_sim import workflow_command

    raise typer.Exit(workflow_command.run(file, imports=imports or [], store=store or [], spawn=spawn))


@workflow_app.command("check", short_help="See that a file can be run.")
def workflow_check(file: WorkflowFile, imports: Imports = None) -> None:
    """See that a file can be run, without running it."""
    _need_a_folder()
    from gostage_sim import workflow_command

    _say(workflow_command.check(file, imports=imports or []))


@app.command(
    epilog="Exit codes: 0 all caught, 1 one survived or the engine as it is fails, 2 bad usage, 3 unknown.",
    short_help="See that every guarantee catches broken engines.",
)
def selftest(
    transport: Annotated[
        Literal["json", "grpc", "all"], typer.Option(help="Over which the broken engines talk to their children.")
    ] = "all",
    keyword: Annotated[
        str | None,
        typer.Option("-k", metavar="EXPR", help="Only these, by saboteur or guarantee: 'order or no-loss'."),
    ] = None,
) -> None:
    """Break the engine on purpose, in several ways for each guarantee, and see that the guarantee notices.

    Each saboteur replaces one seam of the engine inside the parent under test, which then runs a scenario with real
    children. A line says of each by what it was caught; the matrix at the end, what every guarantee said of it. The
    engine as it is must pass the same scenarios.
    """
    _need_a_folder()
    from gostage_sim.report.selftest_command import selftest as run_it

    raise typer.Exit(run_it(transport=transport, keyword=keyword))


@app.command(
    epilog="Exit codes: 0 scenarios can run here, 1 something is missing.",
    short_help="See what this machine has of what is needed.",
)
def doctor() -> None:
    """See what this machine has of what the engine and the harness use: the kernel, limits, packages.

    Each thing is tried for real. What is degraded works, with less; a line says what that means. Without what is
    missing no scenario can run.
    """
    from gostage_sim.report.doctor import doctor as run_it

    raise typer.Exit(run_it())


@app.command(
    short_help="Generate scenarios, run them, and make small what fails.",
    epilog="Exit codes: 0 nothing found, 1 found, 2 bad usage, 3 not one scenario passed; others as of run.",
)
def fuzz(
    budget: Annotated[
        float, typer.Option(parser=_budget, metavar="TIME", help="How long it searches, such as 90s or 2h.")
    ] = "5m",  # type: ignore[assignment]  # a default goes through the parser, too
    transport: Annotated[Literal["json", "grpc", "all"], typer.Option(help="How child and parent talk.")] = "all",
    workers: Workers = "auto",
    seed: Seed = None,
    report: Annotated[
        Path, typer.Option(parser=_path, metavar="DIR", help="Folder for the reports and found.yaml.")
    ] = Path("reports/fuzz"),
    saboteur: Annotated[
        str | None, typer.Option(metavar="NAME", help="Plant this bug of the self-test, to see it found.")
    ] = None,
) -> None:
    """Let Hypothesis draw scenarios of all faults, and run them until one fails or the time is over.

    One that fails is made as small as it can be, and saved as found.yaml in the report with how often it fails. One
    that is found late has half of the budget more for that. 'pip install gostage-sim[fuzz]' installs Hypothesis.
    """
    _need_a_folder()
    from gostage_sim.report.bad_input import BadInput

    try:
        from gostage_sim.fuzz import command
    except ModuleNotFoundError as error:
        if error.name != "hypothesis":
            raise
        raise BadInput(["fuzz needs Hypothesis; install it with: pip install 'gostage-sim[fuzz]'"]) from None
    code = command.fuzz(
        budget_s=budget,
        transport=transport,
        workers=workers,
        seed=seed,
        report=report,
        saboteur=saboteur,
        show=_say,
        progress=_progress,
    )
    raise typer.Exit(code)


@app.command(short_help="Measure speed.")
def bench(
    what: Annotated[
        Literal["spawn", "transport", "engine", "judge"],
        typer.Argument(help="Children, the ways they send by, workflows in one process, or the judging of a run."),
    ] = "spawn",
    only: Annotated[str, typer.Option("-k", metavar="TEXT", help="Only measures with this in their name.")] = "",
    rounds: Annotated[
        int, typer.Option(parser=_whole_number(1, 1000), metavar="N", help="How often each is measured.")
    ] = 5,
    long: Annotated[
        bool, typer.Option("--long", help="With spawn: also 500 children at once and 10,000 one after another.")
    ] = False,
) -> None:
    """Measure speed; exit code 1 when a bound is not reached.

    Spawn: messages, starts and deaths of children, as ratios side by side in one run, also against other libraries;
    'pip install gostage-sim[bench]' installs those. Transport: JSON and gRPC side by side, messages and processor time.
    Engine: microseconds of an action and of the store, and memory. Judge: seconds and memory for ten million messages.
    """
    _need_a_folder()
    if what == "judge":
        from gostage_sim.bench import judge

        raise typer.Exit(judge.main(messages=judge.MESSAGES, show=_say))
    if what == "engine":
        from gostage_sim.bench import engine

        raise typer.Exit(engine.main(rounds=rounds, only=only, show=_say))
    from gostage_sim.bench import table

    if what == "spawn":
        from gostage_sim.bench.spawn.measures import GROUPS
    else:
        from gostage_sim.bench.transport.measures import GROUPS
    raise typer.Exit(table.main(GROUPS, rounds=rounds, only=only, long=long, show=_say, progress=_progress))


def main() -> None:
    """The console entry point."""
    stdout = take_over()
    code = _main()
    sys.stdout.flush()
    if stdout.problem is not None:
        _say(f"could not write to standard output: {stdout.problem}", to_stderr=True)
        code = code or BAD_USAGE  # half an answer is no success
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, signal.SIG_IGN)  # a second Ctrl-C during the interpreter's exit must not change the code
    sys.exit(code)


def _need_a_folder() -> None:
    """Paths and reports are relative to the current directory, which somebody else may have removed."""
    from gostage_sim.report.bad_input import BadInput

    try:
        os.getcwd()
    except FileNotFoundError:
        message = "the current directory does not exist any more; change to one that does"
        raise BadInput([message]) from None


def _main() -> int:
    try:
        app(prog_name="gostage-sim")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 0
    except KeyboardInterrupt:
        return INTERRUPTED
    except Exception as error:
        return _failed(error)
    return 0


def _failed(error: Exception) -> int:
    """Bad input is the user's to mend and gets its messages; anything else is ours, and says nothing of a verdict."""
    from gostage_sim.report.bad_input import BadInput

    if isinstance(error, BadInput):
        for line in error.lines:
            _say(line, to_stderr=True)
        return BAD_USAGE
    if isinstance(error, OSError) and error.errno in (errno.EMFILE, errno.ENFILE):
        limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        message = f"{error.strerror}: this process may have {limit} open; raise the limit with `ulimit -n`"
        _say(message, to_stderr=True)
        return BAD_USAGE
    import traceback

    traceback.print_exception(error)
    _say("gostage-sim: this is a defect of gostage-sim itself, no verdict was reached", to_stderr=True)
    return DEFECT


def _progress(text: str) -> None:
    """One line on a terminal, drawn over the one before; empty to take it away."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[K{text}")
        sys.stderr.flush()


def _say(text: str, *, to_stderr: bool = False) -> None:
    print(text, file=sys.stderr if to_stderr else sys.stdout, flush=True)
