"""Nothing that a child produced is ever unpickled or evaluated."""

from __future__ import annotations

import ast
import contextlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from gostage_sim import gostage

BOMB_CODE = 66
BOMB = f"""
import os
class Bomb(Exception):
    def __reduce__(self):
        return os._exit, ({BOMB_CODE},)
"""
ENGINE_CHILD = """
import base64, logging, pickle, sys
from gostage_sim import gostage
@gostage.action('act')
def act(ctx):
    data = pickle.dumps(Bomb())
    text, letters = base64.b64encode(data).decode(), data.decode('latin-1')
    for value in (text, letters, list(data), {'py/reduce': letters, '$type': 'pickle', 'value': text}):
        ctx.send('data', value)
    ctx.send(letters, 'as a type')
    ctx.send('code', "__import__('os')._exit(66)")
    ctx.logger.error(letters)
    logging.getLogger(letters).error("%s", letters, exc_info=Bomb(letters))
    for line in (data, pickle.dumps(Bomb(), protocol=0), b"__import__('os')._exit(66)"):
        ctx._run.broker._channel.write(line + b'\\n')
        os.write(2, line + b'\\n')
    ctx.store.put('bytes', data)
    ctx.store.put('text', letters)
    raise Bomb(letters)
"""
ENGINE_PARENT = """
import json, logging
if gostage.is_child():
    gostage.child_main()
logging.basicConfig()
lines = []
runner = gostage.Runner()
runner.broker.register_handler('log', gostage.LogToLogging())
runner.broker.register_default_handler(lambda message: None)
result = runner.spawn(
    gostage.SubWorkflowDef.of('act'), options=gostage.SpawnOptions(forward_stderr=lines.append)
)
print(json.dumps({
    'outcome': result.outcome, 'error': result.error.type, 'malformed': result.malformed.count,
    'messages': sum(result.message_counts.values()), 'errors': [str(e.error) for e in result.handler_errors],
    'bytes': result.store.get('bytes', bytes).hex(), 'lines': len(lines) > 3, 'said': result.describe()[:14],
}))
"""


def run(tmp_path: Path, code: str) -> subprocess.CompletedProcess[str]:
    script = tmp_path / "program.py"
    script.write_text(BOMB + code)
    return subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=60)


@pytest.mark.usefixtures("each_transport")
def test_a_pickle_that_kills_who_loads_it(tmp_path: Path) -> None:
    """Through payloads, types, logs, stores, errors, raw lines and stderr alike: the parent lives and reports."""
    done = run(tmp_path, ENGINE_CHILD + ENGINE_PARENT)
    assert done.returncode == 0, done.stderr
    seen: dict[str, Any] = json.loads(done.stdout)
    assert bytes.fromhex(seen.pop("bytes")).startswith(b"\x80")
    assert seen.pop("malformed") >= 3  # a pickle may hold a newline
    assert seen == {
        "outcome": "failed",
        "error": "Bomb",
        "messages": 10,
        "errors": [],
        "lines": True,
        "said": "child 'workflo",
    }


@pytest.mark.parametrize(
    "code",
    [
        "import multiprocessing\ndef make(_): return Bomb()\n"
        "if __name__ == '__main__':\n"
        "    with multiprocessing.get_context('spawn').Pool(1) as pool: pool.map(make, [1])\n",
        "import multiprocessing\ndef make(end): end.send(Bomb())\n"
        "if __name__ == '__main__':\n"
        "    context = multiprocessing.get_context('spawn')\n    ours, theirs = context.Pipe()\n"
        "    context.Process(target=make, args=(theirs,)).start()\n    ours.recv()\n",
        "import multiprocessing\nfrom concurrent.futures import ProcessPoolExecutor\ndef make(): return Bomb()\n"
        "if __name__ == '__main__':\n"
        "    context = multiprocessing.get_context('spawn')\n"
        "    with ProcessPoolExecutor(1, mp_context=context) as pool: pool.submit(make).result()\n",
    ],
    ids=["multiprocessing.Pool", "multiprocessing.Pipe", "concurrent.futures"],
)
def test_the_same_pickle_elsewhere(tmp_path: Path, code: str) -> None:
    """The bomb is real: parents that unpickle what their children send die of it."""
    script = tmp_path / "program.py"
    script.write_text(BOMB + code)
    parent = subprocess.Popen([sys.executable, str(script)], stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        assert parent.wait(60) == BOMB_CODE
    finally:
        with contextlib.suppress(ProcessLookupError):  # its workers live on
            os.killpg(parent.pid, signal.SIGKILL)


PACKAGE = Path(gostage.__file__).parent
LOADERS = {
    "pickle",
    "_pickle",
    "marshal",
    "shelve",
    "dill",
    "cloudpickle",
    "multiprocess",
    "multiprocessing",
    "copyreg",
}
EVALUATORS = {"eval", "exec", "compile", "__import__"}
#: Closures travel from parent to child: what a fork server does with them is its own business, and its own test's.
SENDERS = ("spawn/launchers/fork_server",)


def found_in(source: str) -> list[str]:
    """The loaders that this source imports and the evaluators it calls."""
    found = []
    for node in ast.walk(ast.parse(source)):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in EVALUATORS:
            found.append(node.func.id)
        found += [name for name in names if name.split(".")[0] in LOADERS]
    return found


def test_the_engine_has_nothing_to_unpickle_with() -> None:
    """No module of the engine imports an unpickler or calls an evaluator."""
    modules = {str(path.relative_to(PACKAGE)): path.read_text("utf-8") for path in PACKAGE.rglob("*.py")}
    assert len(modules) > 50
    guilty = {name: found_in(text) for name, text in modules.items() if not name.startswith(SENDERS)}
    assert {name: found for name, found in guilty.items() if found} == {}


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import pickle", ["pickle"]),
        ("def f():\n    from multiprocessing.connection import Client", ["multiprocessing.connection"]),
        ("eval('1')", ["eval"]),
        ("import json; x.compile()", []),
    ],
)
def test_the_search_finds(source: str, found: list[str]) -> None:
    """The search above can fail."""
    assert found_in(source) == found
