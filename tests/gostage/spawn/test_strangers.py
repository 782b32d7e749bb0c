"""Who connects to a runner's gRPC server and is no child: counted, by the kernel's word, and nothing else."""

from __future__ import annotations

import os
import socket
import struct
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import grpc
import pytest

from gostage_sim import gostage
from gostage_sim.gostage.spawn.peers import connected_to
from gostage_sim.gostage.spawn.strangers import Strangers

from ..conftest import Program

ONE = gostage.SubWorkflowDef.of("act")
PATIENT = gostage.SpawnOptions(timeout_s=60.0, grace_s=0.2)
#: An action that says it is there, and goes on when somebody has opened the FIFO.
WAITS = """
@gostage.action('act')
def act(ctx):
    ctx.send('there')
    ctx.flush()
    open(ctx.store.get('fifo', str)).read()
    ctx.send_many('n', range(1000))
"""
SENDS = "@gostage.action('act')\ndef act(ctx):\n    ctx.send('n')\n"
RESET = struct.pack("ii", 1, 0)
#: The sockets of NETLINK_SOCK_DIAG that a process holds.
WATCHES = """
import os
def watches():
    with open('/proc/net/netlink') as table:
        inodes = {row.split()[9] for row in table if row.split()[1] == '4'}
    found = []
    for fd in os.listdir('/proc/self/fd'):
        if os.path.islink(f'/proc/self/fd/{fd}'):
            found += [fd] if os.readlink(f'/proc/self/fd/{fd}')[8:-1] in inodes else []
    return len(found)
"""


def address_of(runner: gostage.Runner) -> tuple[str, int]:
    """Where its server listens."""
    assert runner._links is not None
    assert runner._links._server is not None
    return runner._links._server.address, runner._links._server.port


def settled(count: Callable[[], int | None], expected: int, within_s: float = 20.0) -> int | None:
    """The count, when it has come to this, or the time is over: a server takes its time to close a connection."""
    until = time.monotonic() + within_s
    while (found := count()) != expected and time.monotonic() < until:
        os.sched_yield()
    return found


def silent(address: tuple[str, int]) -> None:
    """Connects, says nothing, and leaves."""
    socket.create_connection(address).close()


def scan(address: tuple[str, int]) -> None:
    """Connects and resets, as a port scan does."""
    with socket.create_connection(address) as stranger:
        stranger.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)


def says(data: bytes) -> Callable[[tuple[str, int]], None]:
    """Connects, says this, and waits until the server has had enough."""

    def knock(address: tuple[str, int]) -> None:
        with socket.create_connection(address, timeout=20) as stranger:
            stranger.sendall(data)
            try:
                while stranger.recv(4096):
                    pass
            except ConnectionResetError:
                pass

    return knock


def calls(address: tuple[str, int]) -> None:
    """A good call with a token that nobody has."""
    target = "[{}]:{}" if ":" in address[0] else "{}:{}"
    options = (("grpc.use_local_subchannel_pool", 1),)
    refused = pytest.raises(grpc.RpcError, match="no child of this runner has this token")
    with grpc.insecure_channel(target.format(*address), options=options) as channel, refused:
        call: Any = channel.unary_unary("/gostage.WorkflowIPC/SendMessage")
        call(b"", metadata=(("gostage-token", "x"),), timeout=20)


STRANGERS = {
    "silent": silent,
    "garbage": says(bytes(range(256)) * 16),
    "HTTP/1.1": says(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
    "scan": scan,
    "wrong token": calls,
}


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
@pytest.mark.parametrize("form", STRANGERS)
def test_a_stranger_is_counted_and_the_child_beside_it_is_not(
    program: Program, tmp_path: Path, form: str, address: str
) -> None:
    """Each connection of a stranger counts once, a refused call in both counts, and the child changes neither."""
    runner = program(WAITS, gostage.transports.grpc(address))
    fifo, seen = tmp_path / "fifo", []
    os.mkfifo(fifo)

    def disturb(message: gostage.Message) -> None:
        for _ in range(3):
            STRANGERS[form](address_of(runner))
        seen.append(settled(lambda: runner.strangers, 3))
        fifo.write_text("go on")

    runner.broker.register_handler("there", disturb)
    result = runner.spawn(ONE, initial_store={"fifo": str(fifo)}, options=PATIENT)
    assert (result.outcome, result.message_counts["n"], result.handler_errors) == ("completed", 1000, [])
    runner.close()
    assert seen == [3]
    assert (runner.strangers, runner.refused_calls) == (3, 3 if form == "wrong token" else 0)


def test_children_are_not_counted(program: Program) -> None:
    """Nor is the one that is killed; over all servers of the runner, the strangers alone are left."""
    runner = program(
        "import os, signal\n" + SENDS + "    ctx.flush()\n"
        "    if ctx.workflow.id == 'killed': os.kill(os.getpid(), signal.SIGKILL)\n",
        "grpc",
    )
    assert runner.strangers == 0
    for server in (1, 2):
        for id in ("good", "killed", "good"):
            result = runner.spawn(gostage.SubWorkflowDef.of("act", id=id), options=PATIENT)
            assert result.message_counts["n"] == 1
        silent(address_of(runner))
        assert settled(lambda: runner.strangers, server) == server
        runner.close()
        assert runner.strangers == server


def test_strangers_that_stay_are_counted_at_the_end(program: Program) -> None:
    """A connection that is open when the runner closes is counted then, though it never spoke or left."""
    runner = program(SENDS, "grpc")
    assert runner.spawn(ONE, options=PATIENT).outcome == "completed"
    with socket.create_connection(address_of(runner)), socket.create_connection(address_of(runner)):
        assert runner.strangers == 0
        runner.close()
        assert runner.strangers == 2


def test_many_at_once(program: Program) -> None:
    """A hundred that are connected at the same time count a hundred."""
    runner = program(SENDS, "grpc")
    assert runner.spawn(ONE, options=PATIENT).outcome == "completed"
    strangers = [socket.create_connection(address_of(runner)) for _ in range(100)]
    for stranger in strangers:
        stranger.close()
    assert settled(lambda: runner.strangers, 100) == 100


# --- the watch itself, over a server of the test's own ----------------------------------------------------------------


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0), backlog=16) as made:
        yield made


@pytest.fixture
def strangers(listener: socket.socket) -> Iterator[Strangers]:
    made = Strangers(*listener.getsockname())
    yield made
    made.close(set())


def connection(listener: socket.socket, port: int = 0) -> tuple[socket.socket, socket.socket]:
    """Both ends of one that comes from this port, and is reset when the first is closed."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    client.bind(("127.0.0.1", port))
    client.connect(listener.getsockname())
    return client, listener.accept()[0]


def end(ends: tuple[socket.socket, socket.socket]) -> None:
    for one in ends:
        one.close()


def test_a_port_that_is_used_again(listener: socket.socket, strangers: Strangers) -> None:
    """That a child was connected from a port says nothing about who comes from there next."""
    child = connection(listener)
    port = child[0].getsockname()[1]
    strangers.welcome(f"ipv4:127.0.0.1:{port}")
    end(child)
    strangers._settle()
    assert strangers.count == 0
    end(connection(listener, port))
    assert settled(lambda: strangers.count, 1) == 1


def test_a_child_that_ended_before_its_call_was_looked_at(listener: socket.socket, strangers: Strangers) -> None:
    """It was no stranger; unless the call came by a connection of its own, from the port of a stranger."""
    client, server = connection(listener)
    port = client.getsockname()[1]
    end((client, server))
    assert settled(lambda: strangers.count, 1) == 1
    strangers.welcome(f"ipv4:127.0.0.1:{port}")
    assert strangers.count == 0
    end(connection(listener, port))
    assert settled(lambda: strangers.count, 1) == 1
    child = connection(listener, port)
    strangers.welcome(f"ipv4:127.0.0.1:{port}")
    end(child)
    strangers._settle()
    assert strangers.count == 1


def test_another_server_with_this_port(listener: socket.socket, strangers: Strangers) -> None:
    """Connections to the same port at another address are none of ours."""
    with socket.create_server(("127.0.0.2", listener.getsockname()[1])) as other:
        end(connection(other))
    end(connection(listener))
    assert settled(lambda: strangers.count, 1) == 1
    strangers._settle()
    assert strangers.count == 1


def dropped(fd: int) -> int:
    """How many messages the kernel had no room for in this netlink socket."""
    inode = os.readlink(f"/proc/self/fd/{fd}")[len("socket:[") : -1]
    with open("/proc/net/netlink") as table:
        (drops,) = [row.split()[8] for row in table if row.split()[9] == inode]
    return int(drops)


def test_more_than_the_kernel_keeps(listener: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    """The buffer is bounded, the count is the least then, and the next stranger counts again."""
    monkeypatch.setattr("gostage_sim.gostage.spawn.strangers.BUFFER_BYTES", 16 * 1024)
    strangers = Strangers(*listener.getsockname())
    for _ in range(500):
        end(connection(listener))
    assert settled(lambda: min(1, dropped(strangers._fd)), 1) == 1
    strangers._settle()
    least = strangers.count
    assert least is not None
    assert 5 < least < 500
    end(connection(listener))
    assert settled(lambda: strangers.count, least + 1) == least + 1
    strangers.close(set())


# --- where the kernel does not tell, and where nobody is to be told of ------------------------------------------------

#: Lets this process have no socket of NETLINK_SOCK_DIAG, as the sandbox of a container may.
SANDBOX = """
import ctypes, platform, struct
number = {'x86_64': 41, 'aarch64': 198}[platform.machine()]  # socket(2)
steps = [(0x20, 0, 0, 0), (0x15, 0, 5, number), (0x20, 0, 0, 16), (0x15, 0, 3, 16), (0x20, 0, 0, 32),
         (0x15, 0, 1, 4), (0x06, 0, 0, 0x50000 | 93), (0x06, 0, 0, 0x7fff0000)]
code = ctypes.create_string_buffer(b''.join(struct.pack('=HBBI', *step) for step in steps))
program = ctypes.create_string_buffer(struct.pack('@HP', len(steps), ctypes.addressof(code)))
libc = ctypes.CDLL(None, use_errno=True)
assert libc.prctl(38, 1, 0, 0, 0) == 0  # PR_SET_NO_NEW_PRIVS
assert libc.prctl(22, 2, program, 0, 0) == 0, ctypes.get_errno()  # PR_SET_SECCOMP
"""


def said(code: str) -> str:
    """What a program with this code writes, without a word on stderr."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.stderr == ""
    return done.stdout


def test_without_netlink(tmp_path: Path) -> None:
    """Where there is no such socket children spawn as ever, and the count is None: nobody knows."""
    script = tmp_path / "program.py"
    script.write_text(
        "from gostage_sim import gostage\n" + SENDS + "if gostage.is_child():\n    gostage.child_main()\n"
        f"{SANDBOX}\nrunner = gostage.Runner(transport='grpc')\n"
        "print(runner.spawn(gostage.SubWorkflowDef.of('act')).outcome, runner.strangers)\n"
        "runner.close()\nprint(runner.strangers)\n"
    )
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=120)
    assert (done.stdout, done.stderr) == ("completed None\nNone\n", "")


def test_a_kernel_that_takes_the_socket_and_never_tells() -> None:
    """As one does that lacks `tcp_diag`: silence is not taken for an empty street."""
    code = """
    import ctypes
    from gostage_sim.gostage.spawn.strangers import Strangers
    told, silent = Strangers('127.0.0.1', 1), Strangers('127.0.0.1', 1)
    print(told.count)
    if ctypes.CDLL(None).unshare(0x50000000) == 0:  # a network of its own: of what ends here, the other's hear nothing
        print(silent.count)
        silent.close(set())
        print(silent.count)
    """
    lines = said(textwrap.dedent(code)).split()
    if lines == ["0"]:
        pytest.skip("this user may have no namespaces")
    assert lines == ["0", "None", "None"]


def test_nobody_is_watched_at_a_unix_socket() -> None:
    """There the permissions of a folder keep strangers out: the count is 0, without a socket for it."""
    code = "from gostage_sim.gostage.spawn.grpc_server import GrpcServer\nfrom gostage_sim.gostage import transports\n"
    server = (
        "server = GrpcServer(transports.grpc(unix_socket=%s))\nprint(watches(), server.strangers)\nserver.close()\n"
    )
    assert said(code + WATCHES + server % True + server % False) == "0 0\n1 0\n"


@pytest.mark.parametrize("launcher", ["None", "gostage.launchers.ForkServer()"])
def test_no_other_process_has_the_watch(tmp_path: Path, launcher: str) -> None:
    """Neither a fork of the program, nor a child, started anew or by a fork server; a fork takes nothing from it."""
    script = tmp_path / "program.py"
    script.write_text(
        f"{WATCHES}\nimport socket, sys, time\nfrom gostage_sim import gostage\n"
        "@gostage.action('act')\ndef act(ctx):\n    ctx.send('watches', watches())\n"
        "if gostage.is_child():\n    gostage.child_main()\n"
        f"runner = gostage.Runner(launcher={launcher}, transport='grpc')\n"
        "runner.broker.register_handler('watches', lambda message: print('child', message.payload))\n"
        "for _ in range(2): runner.spawn(gostage.SubWorkflowDef.of('act'))\n"
        "socket.create_connection(('127.0.0.1', runner._links._server.port)).close()\n"
        "sys.stdout.flush()\n"
        "worker = os.fork()\n"
        "if worker == 0:\n    print('fork', watches(), runner.strangers in (0, None), flush=True)\n    os._exit(0)\n"
        "os.waitpid(worker, 0)\n"
        "until = time.monotonic() + 20\n"
        "while runner.strangers != 1 and time.monotonic() < until: os.sched_yield()\n"
        "print('parent', watches(), runner.strangers)\nrunner.close()\nprint('closed', watches())\n"
    )
    command = [sys.executable, "-W", "ignore::DeprecationWarning", str(script)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert (done.stdout, done.stderr) == ("child 0\nchild 0\nfork 0 True\nparent 1 1\nclosed 0\n", "")


def test_a_connection_whose_handshake_is_not_over() -> None:
    """The other end may have seen it open before this one has: it is among those that are connected."""
    with socket.socket() as listener:
        # The kernel holds the handshake of such a listener until there is something to read.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT, 60)
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        address, port = listener.getsockname()
        with socket.create_connection((address, port)) as stranger:
            here, there = (ip_address(address), port), (ip_address(address), stranger.getsockname()[1])
            assert connected_to(here) == {there}
