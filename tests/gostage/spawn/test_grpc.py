"""gRPC between real processes: who is let in, what foreign programs see, what is bounded, and what is left."""

from __future__ import annotations

import ast
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from gostage_sim import gostage
from gostage_sim.gostage.wire.proto.generate import HERE

from ..conftest import Program, at_rest

ONE = gostage.SubWorkflowDef.of("act")
PATIENT = gostage.SpawnOptions(timeout_s=60.0, grace_s=0.2)
REFUSED = "UNAUTHENTICATED: no child of this runner has this token"

#: A program that knows nothing of ours but the `.proto`: what it says is on its stderr, and what it sends by gRPC.
FOREIGN = """
import json, os, sys, time
import grpc, gostage_pb2 as pb, gostage_pb2_grpc as rpc
told = json.load(sys.stdin)["transport"]
target = f"{told['GRPCAddress']}:{told['GRPCPort']}"
token = (("gostage-token", os.environ.get("GOSTAGE_GRPC_TOKEN", "")),)
channels = []
def connect():
    channels.append(grpc.insecure_channel(target, options=[("grpc.use_local_subchannel_pool", 1)]))
    return rpc.WorkflowIPCStub(channels[-1])
def ipc(i, **more):
    payload = pb.IPCPayload(msg_type="n", payload_json=json.dumps(i).encode())
    return pb.IPCMessage(type=pb.MESSAGE_TYPE_IPC, ipc_payload=payload, **more)
def done():
    result = pb.WorkflowResultPayload(workflow_id="w", success=True)
    return pb.IPCMessage(type=pb.MESSAGE_TYPE_WORKFLOW_RESULT, workflow_result=result)
def error_of(call):
    try:
        call()
    except grpc.RpcError as error:
        return f"{error.code().name}: {error.details()}"
    return "no error"
stub = connect()
"""

#: Its end. grpcio's own threads may hang an interpreter that ends while a channel is open.
CLOSE = """
for channel in channels:
    channel.close()
"""


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with modules made of the `.proto` alone, outside of our package."""
    folder = tmp_path_factory.mktemp("foreign")
    shutil.copy(HERE / "gostage.proto", folder)
    command = ["grpc_tools.protoc", "-I.", "--python_out=.", "--grpc_python_out=.", "gostage.proto"]
    subprocess.run([sys.executable, "-m", *command], cwd=folder, check=True, timeout=60)
    return folder


@pytest.fixture
def runner(generated: Path) -> Iterator[gostage.Runner]:
    """A runner by gRPC whose children are foreign programs: `start` them with `foreign`."""
    with gostage.Runner(transport="grpc") as made:
        yield made


def foreign(
    runner: gostage.Runner, generated: Path, code: str, **options: Any
) -> tuple[gostage.SpawnResult, list[tuple[str, Any]]]:
    """What a foreign child came to, and what was handled of it."""
    seen: list[tuple[str, Any]] = []
    runner._launcher = gostage.launchers.Program([sys.executable, "-c", FOREIGN + code + CLOSE])
    environment = {"PYTHONPATH": str(generated)}
    with runner.broker.register_default_handler(lambda m: seen.append((m.type, m.payload))):
        result = runner.spawn(ONE, options=gostage.SpawnOptions(timeout_s=60, environment=environment, **options))
    return result, seen


# --- programs of other people ---------------------------------------------------------------------------------------


def test_a_foreign_child_sends_by_every_rpc_in_order(runner: gostage.Runner, generated: Path) -> None:
    """Unary, stream, bidirectional stream and batches of one child are handled in the order it sent them."""
    code = """
acks = [stub.SendMessage(ipc(0, message_id="first"), metadata=token)]
acks += stub.StreamMessages((ipc(i, message_id=str(i)) for i in range(1, 500)), metadata=token)
assert list(stub.BidirectionalStream((ipc(i) for i in range(500, 600)), metadata=token)) == []
line = b'{"type":"n","payload":600}\\n{"type":"n","payl', b'oad":601}\\n{"type":"n","payload":602}'
batches = stub.SendLines((pb.LineBatch(lines=part) for part in line), metadata=token)
assert [ack.batches for ack in batches] == [1, 2]
acks.append(stub.SendMessage(done(), metadata=token))
assert [ack.message_id for ack in acks] == ["first", *map(str, range(1, 500)), ""] and all(a.success for a in acks)
"""
    result, seen = foreign(runner, generated, code)
    assert (result.outcome, result.stderr_tail) == ("completed", "")
    assert seen[:-1] == [("n", i) for i in range(603)]
    assert seen[-1][0] == "workflow_result"


def test_the_order_holds_under_push_back(runner: gostage.Runner, generated: Path) -> None:
    """Unary, streams and batches in turn, each more than a queue holds, while the handler stops again and again until
    flow control has stopped the child."""
    code = """
number = iter(range(10**9))
def large():
    return ipc([next(number), "x" * 20_000])
def line():
    return pb.LineBatch(lines=json.dumps({"type": "n", "payload": [next(number), "x" * 20_000]}).encode() + b"\\n")
for turn in range(4):
    for _ in range(20):
        assert stub.SendMessage(large(), metadata=token).success
    assert all(ack.success for ack in stub.StreamMessages((large() for _ in range(100)), metadata=token))
    assert len(list(stub.SendLines((line() for _ in range(100)), metadata=token))) == 100
    assert list(stub.BidirectionalStream((large() for _ in range(100)), metadata=token)) == []
stub.SendMessage(done(), metadata=token)
"""
    seen: list[int] = []
    rested: list[bool] = []

    def slow(message: gostage.Message) -> None:
        seen.append(message.payload[0])
        if len(seen) % 107 == 1:  # in the midst of every kind, in one turn or another
            rested.append(at_rest(message.context.pid))

    runner.broker.register_handler("n", slow)
    result, _ = foreign(runner, generated, code)
    assert (result.outcome, result.stderr_tail, result.malformed.count) == ("completed", "", 0)
    assert seen == list(range(4 * 320))
    assert rested == [True] * 12


def test_an_unknown_rpc(runner: gostage.Runner, generated: Path) -> None:
    """Who calls what this parent does not have is told so, as it would be by the original, and can go on."""
    code = """
channel = grpc.insecure_channel(target)
channels.append(channel)
says = error_of(lambda: channel.unary_unary("/gostage.WorkflowIPC/Later")(b"", metadata=token))
assert says.startswith("UNIMPLEMENTED: "), says
assert rpc.WorkflowIPCStub(channel).SendMessage(done(), metadata=token).success
"""
    result, _ = foreign(runner, generated, code)
    assert (result.outcome, result.stderr_tail, runner.refused_calls) == ("completed", "", 0)


def test_handlers_of_calls_at_once_do_not_overlap(runner: gostage.Runner, generated: Path) -> None:
    """A child that sends by several calls at the same time is handled by one thread, one message after another."""
    code = """
import threading
def send(n):
    assert all(ack.success for ack in stub.StreamMessages((ipc([n, i]) for i in range(200)), metadata=token))
threads = [threading.Thread(target=send, args=(n,)) for n in range(4)]
for thread in threads: thread.start()
for thread in threads: thread.join()
stub.SendMessage(done(), metadata=token)
"""
    inside, overlaps, threads = threading.Lock(), 0, set()

    def handle(message: gostage.Message) -> None:
        nonlocal overlaps
        overlaps += not inside.acquire(blocking=False)
        threads.add(threading.get_ident())
        os.sched_yield()
        inside.release()

    runner.broker.register_handler("n", handle)
    result, _ = foreign(runner, generated, code)
    assert (result.outcome, result.stderr_tail, result.message_counts["n"]) == ("completed", "", 800)
    assert (overlaps, threads) == (0, {threading.get_ident()})


def test_what_is_no_message_goes_into_quarantine(runner: gostage.Runner, generated: Path) -> None:
    """Bytes that are no protobuf, an unknown type and bad JSON are put away with a reason; the next good one counts."""
    code = """
channel = grpc.insecure_channel(target)
channels.append(channel)
send = channel.unary_unary("/gostage.WorkflowIPC/SendMessage", response_deserializer=pb.MessageAck.FromString)
acks = [send(message if isinstance(message, bytes) else message.SerializeToString(), metadata=token) for message in (
    ipc(1), b"\\xff\\xff", pb.IPCMessage(type=99), pb.IPCMessage(type=8, ipc_payload=pb.IPCPayload(msg_type="n",
    payload_json=b"{")), ipc("x" * 2000), ipc(2), done())]
assert [ack.success for ack in acks] == [True, False, True, True, True, True, True], acks
"""
    result, seen = foreign(runner, generated, code, max_message_bytes=1024)
    assert (result.outcome, result.stderr_tail) == ("completed", "")
    assert [payload for kind, payload in seen if kind == "n"] == [1, 2]
    reasons = [line.reason for line in result.malformed.samples]
    assert reasons[0].startswith("not an IPCMessage: ")
    assert reasons[1:] == [
        "an IPCMessage without a payload that is known here, of type 99 (unknown here)",
        "bad JSON in 'ipc_payload': Input data was truncated",
        "longer than max_message_bytes (1024)",
    ]
    assert [line.after_messages for line in result.malformed.samples] == [1, 1, 1, 1]


def test_a_second_connection_of_a_child_is_refused(runner: gostage.Runner, generated: Path) -> None:
    """Who has the token of a child that is connected is told so and counted; the first connection goes on."""
    code = """
import threading
go = threading.Event()
def messages():
    yield ipc(1)
    go.wait()
    yield done()
acks = stub.StreamMessages(messages(), metadata=token)
next(acks)
says = error_of(lambda: connect().SendMessage(ipc(2), metadata=token))
assert says.startswith("ALREADY_EXISTS: this child is connected already, from ipv4:127.0.0.1:"), says
go.set()
assert next(acks).success
"""
    result, seen = foreign(runner, generated, code)
    assert (result.outcome, result.stderr_tail) == ("completed", "")
    assert [kind for kind, _ in seen] == ["n", "workflow_result"]
    assert runner.refused_calls == 1


def test_one_call_of_lines_at_a_time(runner: gostage.Runner, generated: Path) -> None:
    """A second SendLines beside the first would tear its lines, and is refused."""
    code = """
import threading
go = threading.Event()
def batches():
    yield pb.LineBatch(lines=b'{"type":"n",')
    go.wait()
    yield pb.LineBatch(lines=b'"payload":1}\\n')
acks = stub.SendLines(batches(), metadata=token)
next(acks)
says = error_of(lambda: list(stub.SendLines(iter([pb.LineBatch(lines=b"x")]), metadata=token)))
assert says == "ALREADY_EXISTS: this child has a SendLines call already", says
go.set()
next(acks)
stub.SendMessage(done(), metadata=token)
"""
    result, seen = foreign(runner, generated, code)
    assert (result.outcome, result.stderr_tail, result.malformed.count) == ("completed", "", 0)
    assert seen[0] == ("n", 1)


@pytest.mark.parametrize(
    ("anonymous", "says", "kinds"), [(False, REFUSED, []), (True, "no error", ["workflow_result"])]
)
def test_a_child_without_a_token(
    runner: gostage.Runner, generated: Path, anonymous: bool, says: str, kinds: list[str]
) -> None:
    """A child that knows no token is let in where the spawn says so, and nowhere else."""
    code = f"says = error_of(lambda: stub.SendMessage(done()))\nassert says == {says!r}, says\n"
    result, seen = foreign(runner, generated, code, anonymous_child=anonymous)
    assert (result.outcome, result.stderr_tail) == ("completed", "")
    assert [kind for kind, _ in seen] == kinds
    assert runner.refused_calls == (0 if anonymous else 1)


def test_an_anonymous_child_lets_nobody_else_in(runner: gostage.Runner, generated: Path) -> None:
    """While an anonymous child is expected, a process outside of its group still does not get in without a token."""
    stranger = "import sys\n" + FOREIGN + "print(error_of(lambda: stub.SendMessage(done())))"
    code = f"""
import subprocess
say = dict(input=json.dumps({{"transport": told}}), capture_output=True, text=True, env=dict(os.environ))
done_by = subprocess.run([sys.executable, "-c", {stranger!r}], start_new_session=True, **say)
assert done_by.stdout == {REFUSED!r} + "\\n", done_by
stub.SendMessage(done())
"""
    result, _ = foreign(runner, generated, code, anonymous_child=True)
    assert (result.outcome, result.stderr_tail) == ("completed", "")


SERVER = """
import json, os, sys, subprocess
from concurrent.futures import ThreadPoolExecutor
import grpc, gostage_pb2 as pb, gostage_pb2_grpc as rpc
seen = []
class Parent(rpc.WorkflowIPCServicer):
    def SendMessage(self, request, context):
        seen.append(request)
        return pb.MessageAck(success=True)
server = grpc.server(ThreadPoolExecutor(4))
rpc.add_WorkflowIPCServicer_to_server(Parent(), server)
port = server.add_insecure_port("127.0.0.1:0")
server.start()
definition = {"id": "w", "transport": {"type": "grpc", "grpcAddress": "127.0.0.1", "grpcPort": port},
              "stages": [{"id": "main", "actions": [{"id": "act"}]}]}
child = subprocess.run([sys.executable, sys.argv[1], "--gostage-child"], input=json.dumps(definition).encode())
{report}
server.stop(None)
"""
IN_SHORT = """
print(json.dumps([child.returncode, [[m.WhichOneof("payload"), m.context.action_name, m.context.sequence_number,
    json.loads(m.ipc_payload.payload_json or "null")] for m in seen], seen[-1].workflow_result.success,
    {k: json.loads(v) for k, v in seen[-2].final_store.store_data.items()}]))
"""
BY_NUMBER = """
def fields(sent):
    found = {}
    for field, value in sent.ListFields():
        if field.message_type is not None:
            value = dict(value) if field.message_type.GetOptions().map_entry else fields(value)
        found[field.number] = value
    return found
print(repr([fields(message) for message in seen]))
"""


def said_to_a_foreign_parent(folder: Path, generated: Path, action: str, report: str) -> str:
    """What a parent that knows `SendMessage` alone reports of a child of ours with this action."""
    script = folder / "program.py"
    script.write_text(f"from gostage_sim import gostage\n@gostage.action('act')\n{action}gostage.child_main()\n")
    command = [sys.executable, "-c", SERVER.replace("{report}", report), str(script)]
    environment = {**os.environ, "PYTHONPATH": str(generated)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert done.stderr == ""
    return done.stdout


def test_a_foreign_parent_that_knows_SendMessage_alone(generated: Path, tmp_path: Path) -> None:  # noqa: N802
    """Where a parent answers UNIMPLEMENTED, a child of ours sends message by message; none is lost, all in order."""
    action = (
        "def act(ctx):\n    ctx.send('n', 0)\n    ctx.send_many('n', range(1, 300))\n"
        "    ctx.store.put('k', [1, None])\n"
    )
    said = said_to_a_foreign_parent(tmp_path, generated, action, IN_SHORT)
    code, messages, success, store = json.loads(said)
    assert (code, success, store) == (0, True, {"k": [1, None]})
    assert messages[:300] == [["ipc_payload", "act", i + 1, i] for i in range(300)]
    assert [field for field, *_ in messages[300:]] == ["final_store", "workflow_result"]


def test_every_field_that_a_foreign_parent_reads(generated: Path, tmp_path: Path) -> None:
    """By number, whatever they are called here: ids that differ, the time in seconds, and what kind each value is."""
    action = "def act(ctx):\n    ctx.logger.info('hello')\n    ctx.send('n', 5)\n    ctx.store.put('k', 1)\n"
    earliest = int(time.time())
    log, sent, store, result = ast.literal_eval(said_to_a_foreign_parent(tmp_path, generated, action, BY_NUMBER))
    pid = log[22][4]
    for number, message in enumerate((log, sent, store, result), 1):
        assert message.pop(20) == f"{pid}-{number}"
        assert earliest <= message.pop(21) <= time.time()
    more = json.loads(log[10].pop(30))
    assert log[10].pop(3) == int(more.pop("time"))
    assert more == {"logger": "act"}
    assert result[14].pop(4, 0) >= 0
    place = {1: "w", 4: pid, 5: True}
    assert log == {1: 1, 10: {1: "info", 2: "hello"}, 22: {**place, 2: "main", 3: "act", 9: 1}}
    assert sent == {1: 8, 16: {1: "n", 2: b"5"}, 22: {**place, 2: "main", 3: "act", 9: 2}}
    assert store == {1: 6, 15: {1: {"k": b"1"}, 2: {"k": "json"}}, 22: {**place, 9: 3}}
    assert result == {1: 5, 14: {1: "w", 2: True}, 22: {**place, 9: 4}}


# --- strangers ------------------------------------------------------------------------------------------------------


def test_strangers_change_nothing(program: Program, tmp_path: Path) -> None:
    """Garbage, HTTP/1.1, a connection that says nothing and a wrong token leave a child and its messages alone."""
    runner = program(
        "import os\n@gostage.action('act')\ndef act(ctx):\n    ctx.send('there')\n    ctx.flush()\n"
        "    open(ctx.store.get('fifo', str)).read()\n    ctx.send_many('n', range(1000))\n",
        "grpc",
    )
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    seen: list[Any] = []
    said: list[str] = []

    def disturb(message: gostage.Message) -> None:
        assert runner._links is not None
        assert runner._links._server is not None
        address = ("127.0.0.1", runner._links._server.port)
        silent = socket.create_connection(address)
        for garbage in (
            os.urandom(4096),
            b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\xff\xff",
        ):
            with socket.create_connection(address) as stranger:
                stranger.sendall(garbage)
        for metadata in ((), (("gostage-token", "wrong"),), (("gostage-token", "x" * 4000),)):
            with grpc.insecure_channel(f"127.0.0.1:{address[1]}") as channel:
                for method in ("SendMessage", "SendLines", "Nothing"):
                    with pytest.raises(grpc.RpcError) as raised:
                        channel.unary_unary(f"/gostage.WorkflowIPC/{method}", bytes, bytes)(
                            b"\xff", metadata=metadata, timeout=10
                        )
                    said.append(f"{raised.value.code().name}: {raised.value.details()}")
        silent.close()
        fifo.write_text("go on")

    runner.broker.register_handler("there", disturb)
    runner.broker.register_handler("n", lambda message: seen.append(message.payload))
    result = runner.spawn(ONE, initial_store={"fifo": str(fifo)}, options=PATIENT)
    assert (result.outcome, result.malformed.count, result.handler_errors) == ("completed", 0, [])
    assert seen == list(range(1000))
    assert said == [REFUSED] * 9
    assert runner.refused_calls == 9
    runner.close()
    assert runner.refused_calls == 9  # the count is the runner's, not of one server


# --- what a child knows and where it connects -------------------------------------------------------------------------

CHILD_FACTS = """
import os, sys
@gostage.action('act')
def act(ctx):
    ctx.send('facts', {'token': os.environ.get('GOSTAGE_GRPC_TOKEN'), 'argv': sys.argv[1:],
        'port': os.environ.get('GOSTAGE_GRPC_PORT'), 'loaded': 'grpc' in sys.modules})
"""


@pytest.mark.parametrize(
    "transport",
    [gostage.transports.grpc(), gostage.transports.grpc("::1"), gostage.transports.grpc(unix_socket=True)],
    ids=["IPv4", "IPv6", "Unix socket"],
)
def test_places_to_listen(program: Program, transport: gostage.transports.Grpc) -> None:
    """IPv4, IPv6 and a Unix socket serve; the token is in no argv, nor left for the child's own children."""
    runner = program(CHILD_FACTS, transport)
    facts: list[Any] = []
    runner.broker.register_handler("facts", lambda message: facts.append(message.payload))
    result = runner.spawn(ONE, options=PATIENT)
    assert (result.outcome, result.stderr_tail) == ("completed", "")
    assert facts == [{"token": None, "argv": ["--gostage-child"], "port": None, "loaded": True}]
    assert runner._links is not None
    assert runner._links._server is not None
    folder = runner._links._server._folder
    runner.close()
    assert folder is None or not os.path.exists(folder)


def test_a_fixed_port(program: Program) -> None:
    """A fixed port is listened on; one that is taken lets no child start, and the error says what to do."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        runner = program(CHILD_FACTS, gostage.transports.grpc(port=port))
        result = runner.spawn(ONE, options=PATIENT)
        assert result.error is not None
        assert (result.outcome, result.error.message) == (
            "start_failed",
            f"the gRPC server cannot listen on 127.0.0.1:{port}: Address already in use; use port 0, and the system "
            "chooses one that is free",
        )
    assert runner.spawn(ONE, options=PATIENT).outcome == "completed"


@pytest.mark.parametrize("spare", [0, 1])
def test_a_unix_socket_with_a_long_path(
    program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spare: int
) -> None:
    """With a path that is too long no child starts, and the error says what to do; one that fits serves."""
    room = 107 - spare - len("/gostage-12345678/s") - len(f"{tmp_path}/") + 1
    folder = tmp_path / ("x" * room)
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    runner = program(CHILD_FACTS, gostage.transports.grpc(unix_socket=True))
    result = runner.spawn(ONE, options=PATIENT)
    runner.close()
    assert list(folder.iterdir()) == []
    if spare:
        assert result.outcome == "completed"
        return
    assert result.error is not None
    assert (result.outcome, result.error.message) == (
        "start_failed",
        f"the gRPC server cannot listen on a Unix socket in {folder}: its path would have 108 bytes, and the system "
        "takes 107; set TMPDIR to a folder with a shorter path",
    )


def test_the_definition_chooses_for_one_child(program: Program) -> None:
    """A definition that names a transport gets it, whatever its runner has; a port beside the server's is an error."""
    runner = program(CHILD_FACTS)
    loaded: list[bool] = []
    runner.broker.register_handler("facts", lambda message: loaded.append(message.payload["loaded"]))
    for kind in ("json", "grpc", "json"):
        definition = gostage.SubWorkflowDef.from_json(
            json.dumps({**ONE.to_document(), "transport": {"TYPE": kind}}).encode()
        )
        assert runner.spawn(definition, options=PATIENT).outcome == "completed"
    assert loaded == [False, True, False]
    definition.transport = gostage.TransportDef(type="grpc", grpc_port=1)
    result = runner.spawn(definition)
    assert runner._links is not None
    assert runner._links._server is not None
    assert result.error is not None
    assert (result.outcome, result.error.message) == (
        "start_failed",
        "the definition asks for gRPC at 127.0.0.1, port 1, and this runner's server listens at 127.0.0.1, port "
        f"{runner._links._server.port}; there is one a runner",
    )


# --- bounds, and the end ----------------------------------------------------------------------------------------------


def test_long_messages_and_a_large_final_store(program: Program) -> None:
    """What is longer than gRPC's 4 MiB arrives; what is over max_message_bytes goes into quarantine."""
    runner = program(
        "@gostage.action('act')\ndef act(ctx):\n"
        "    ctx.send('big', 'x' * 8_000_000)\n    ctx.send('bigger', 'x' * 12_000_000)\n    ctx.send('after')\n"
        "    ctx.store.put('s', 'y' * 9_000_000)\n",
        "grpc",
    )
    seen: list[Any] = []
    runner.broker.register_default_handler(lambda m: seen.append((m.type, len(m.payload or ""))))
    result = runner.spawn(ONE, options=gostage.SpawnOptions(timeout_s=60, max_message_bytes=10_000_000))
    assert result.outcome == "completed"
    assert seen[:2] == [("big", 8_000_000), ("after", 0)]
    assert len(result.final_store["s"]) == 9_000_000
    assert [line.reason for line in result.malformed.samples] == ["longer than max_message_bytes (10000000)"]


def test_a_slow_handler_pushes_back(program: Program, tmp_path: Path) -> None:
    """While a handler does not return, its child is stopped by flow control after a few MiB, and then goes on."""
    counter = tmp_path / "sent"
    runner = program(
        "import os\n@gostage.action('act')\ndef act(ctx):\n"
        f"    fd = os.open({str(counter)!r}, os.O_CREAT | os.O_WRONLY)\n"
        "    for i in range(1, 3001):\n        ctx.send('n', [i, 'x' * 16000])\n        os.pwrite(fd, b'%8d' % i, 0)\n",
        "grpc",
    )
    seen: list[int] = []
    ahead: list[int] = []

    def slow(message: gostage.Message) -> None:
        seen.append(message.payload[0])
        if message.payload[0] == 1:
            assert at_rest(message.context.pid)
            ahead.append(int(counter.read_text()))

    runner.broker.register_handler("n", slow)
    result = runner.spawn(ONE, options=PATIENT)
    assert (result.outcome, result.handler_errors) == ("completed", [])
    assert seen == list(range(1, 3001))
    assert 16_000 * ahead[0] < 8 * 1024 * 1024  # of 48 MB


@pytest.mark.parametrize("send", ["ctx.send('n', i)", "ctx.send_many('n', [i])"])
def test_each_message_acknowledged_survives_a_hard_kill(program: Program, send: str) -> None:
    """With acknowledge="each" everything whose send returned is handled, whenever the child is killed."""
    runner = program(
        "import os\n@gostage.action('act')\ndef act(ctx):\n"
        f"    for i in range(300): {send}\n    os.kill(os.getpid(), 9)\n",
        gostage.transports.grpc(acknowledge="each"),
    )
    seen: list[int] = []
    runner.broker.register_handler("n", lambda message: seen.append(message.payload))
    assert runner.spawn(ONE, options=PATIENT).signal == "SIGKILL"
    assert seen == list(range(300))


def test_what_an_action_sent_survives_a_kill_in_the_next(program: Program) -> None:
    """The end of an action waits for the acknowledgement of everything that it sent, also of an action that fails."""
    runner = program(
        "import os\n@gostage.action('send')\ndef send(ctx):\n    ctx.send_many('n', range(5000))\n"
        "@gostage.action('die')\ndef die(ctx):\n    os.kill(os.getpid(), 9)\n",
        "grpc",
    )
    seen: list[int] = []
    runner.broker.register_handler("n", lambda message: seen.append(message.payload))
    assert runner.spawn(gostage.SubWorkflowDef.of("send", "die"), options=PATIENT).signal == "SIGKILL"
    assert seen == list(range(5000))


def test_a_server_that_is_gone(program: Program) -> None:
    """A child whose parent stops the server gets ChannelClosedError out of send, and says why on its stderr."""
    runner = program(
        "from gostage_sim.gostage.errors import ChannelClosedError\nimport os\n"
        "@gostage.action('act')\ndef act(ctx):\n    ctx.send('there')\n"
        "    try:\n        while True: ctx.send('n', 'x' * 1000)\n"
        "    except ChannelClosedError as error:\n        os.write(2, f'{error}\\n'.encode())\n        raise\n",
        "grpc",
    )
    runner.broker.register_handler("there", lambda message: runner.close())
    result = runner.spawn(ONE, options=PATIENT)
    assert (result.outcome, result.exit_code) == ("exited", 1)
    first, second = sorted(result.stderr_tail.splitlines(), key=len)
    assert second == f"gostage: {first}"
    assert first.startswith("the parent no longer takes this child's messages: ")


#: Takes the child's connection away from gRPC and leaves it open, so that neither end ever hears of it.
INTO_NOWHERE = """
import os, socket
kept = []
@gostage.action('act')
def act(ctx):
    ctx.send('n')
    ctx.flush()
    for name in os.listdir('/proc/self/fd'):
        if os.path.exists(f'/proc/self/fd/{name}') and os.readlink(f'/proc/self/fd/{name}').startswith('socket:'):
            here, there = socket.socketpair()
            here.setblocking(False)
            kept.extend([os.dup(int(name)), here, there])
            os.dup2(here.fileno(), int(name))
    ctx.send('n')
    ctx.flush()
"""


def test_keep_alive_notices_a_connection_into_nowhere(program: Program) -> None:
    """Where nothing is acknowledged and nothing says so, both ends notice, and the child's `flush` raises."""
    runner = program(INTO_NOWHERE, gostage.transports.grpc(keep_alive_s=1))
    result = runner.spawn(ONE, options=PATIENT)
    assert (result.outcome, result.exit_code, result.message_counts) == ("exited", 1, {"n": 1})
    assert "UNAVAILABLE" in result.stderr_tail
    assert "ping" in result.stderr_tail


def test_keep_alive_leaves_a_silent_child_alone(program: Program) -> None:
    """A child that says nothing for longer than several questions take is neither given up nor thrown out."""
    runner = program(
        "import time\n@gostage.action('act')\n"
        "def act(ctx):\n    ctx.send('n')\n    time.sleep(16)\n    ctx.send('n')\n",
        gostage.transports.grpc(keep_alive_s=1),
    )
    result = runner.spawn(ONE, options=PATIENT)
    assert (result.outcome, result.message_counts["n"]) == ("completed", 2), result


def test_a_child_that_connects_and_never_speaks(runner: gostage.Runner, generated: Path) -> None:
    """It is ended when its time is over, like any other that hangs."""
    runner._launcher = gostage.launchers.Program(
        [
            sys.executable,
            "-c",
            FOREIGN + "acks = stub.SendLines(iter(lambda: time.sleep(99), 1), metadata=token)\nnext(acks)",
        ]
    )
    options = gostage.SpawnOptions(timeout_s=1.5, grace_s=0.2, environment={"PYTHONPATH": str(generated)})
    assert runner.spawn(ONE, options=options).outcome == "timed_out"


def test_many_at_once_on_one_server(program: Program) -> None:
    """Children that run at the same time have one server, and each its own messages in its own order."""
    runner = program(
        "@gostage.action('act')\ndef act(ctx):\n    for i in range(500): ctx.send('n', [ctx.workflow.id, i])\n",
        "grpc",
    )
    seen: dict[str, list[int]] = {}

    def note(message: gostage.Message) -> None:
        assert message.payload[0] == message.context.workflow_id
        seen.setdefault(message.context.workflow_id, []).append(message.payload[1])

    runner.broker.register_handler("n", note)
    definitions = [gostage.SubWorkflowDef.of("act", id=f"w{number}") for number in range(8)]
    results = list(runner.spawn_all(definitions, max_parallel=8, options=PATIENT))
    assert [(result.outcome, result.handler_errors) for result in results] == [("completed", [])] * 8
    assert seen == {f"w{number}": list(range(500)) for number in range(8)}


def test_a_json_run_loads_no_grpc() -> None:
    """A parent whose children write JSON loads neither grpc nor protobuf."""
    code = (
        "import sys\nfrom gostage_sim import gostage\n"
        "runner = gostage.Runner(launcher=gostage.launchers.Program(['true']), transport='json')\n"
        "runner.spawn(gostage.SubWorkflowDef.of('x'))\n"
        "print([name for name in sys.modules if name.split('.')[0] == 'grpc' or name.startswith('google.protobuf')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == ("[]\n", "")
