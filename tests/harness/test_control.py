"""The control socket between real processes."""

from __future__ import annotations

import select
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from gostage_sim.harness.control import EXIT_ORPHANED, Gone, Listener, Peer

CLIENT = """
import sys
from gostage_sim.harness.control import Client
client = Client(sys.argv[1])
print(client.ask("hello", child="ü"), flush=True)
client.wait()
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A run folder whose path is longer than a socket's address may be."""
    deep = tmp_path / ("deep" * 30)
    deep.mkdir()
    return deep


@pytest.fixture
def listener(folder: Path) -> Iterator[Listener]:
    made = Listener(str(folder))
    yield made
    made.close()


def _client(folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", CLIENT, str(folder)], stdout=-1, text=True)


def _accept(listener: Listener) -> Peer:
    select.select([listener], [], [], 10)
    peer = listener.accept()
    select.select([peer], [], [], 10)
    return peer


def test_a_question_waits_for_its_answer(folder: Path, listener: Listener) -> None:
    """A packet arrives whole, with the pid the kernel vouches for; the answer releases who asked."""
    with _client(folder) as process:
        peer = _accept(listener)
        assert peer.pid == process.pid
        assert peer.receive() == {"kind": "hello", "child": "ü"}
        with pytest.raises(BlockingIOError):
            peer.receive()
        peer.answer(go=True)
        assert process.stdout is not None
        assert process.stdout.readline() == "{'go': True}\n"
        peer.close()


def test_who_loses_its_observer_leaves_at_once(folder: Path, listener: Listener) -> None:
    """The end of the socket ends the process, with an exit code of its own."""
    with _client(folder) as process:
        _accept(listener).close()
        assert process.wait() == EXIT_ORPHANED


def test_who_finds_no_observer_leaves_at_once(folder: Path) -> None:
    """Without a listener there is nothing to run for."""
    with _client(folder) as process:
        assert process.wait() == EXIT_ORPHANED


def test_a_dead_peer_is_gone(folder: Path, listener: Listener) -> None:
    """A killed process ends its connection; answering it is harmless."""
    with _client(folder) as process:
        peer = _accept(listener)
        peer.receive()
        process.kill()
        process.wait()
        peer.answer()
        with pytest.raises(Gone):
            peer.receive()
        peer.close()


def test_rubbish_is_an_error_that_names_the_process(folder: Path, listener: Listener) -> None:
    """A packet that is not a JSON object is refused."""
    program = """
import socket, sys, os
line = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
os.chdir(sys.argv[1])
line.connect("control")
line.send(b"[1]")
line.recv(1)
"""
    with subprocess.Popen([sys.executable, "-c", program, str(folder)]) as process:
        peer = _accept(listener)
        with pytest.raises(ValueError, match=f"^process {process.pid} sent a control packet that is not a JSON object"):
            peer.receive()
        peer.close()
