"""How a process is made to crash: bad reads, a page that is gone, and machine code; loaded only to die."""

from __future__ import annotations

import ctypes
import mmap
import os
import resource
import signal
from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

#: `ud2`; `udf #0`.
_ILLEGAL = {"x86_64": b"\x0f\x0b", "aarch64": b"\x00\x00\x00\x00"}

#: `xor ecx, ecx; xor edx, edx; mov eax, 1; div ecx; ret`. On aarch64 `udiv` by zero gives zero and traps nothing.
_DIVIDE_BY_ZERO = {"x86_64": b"\x31\xc9\x31\xd2\xb8\x01\x00\x00\x00\xf7\xf1\xc3"}


#: `sub rsp, 8; call <itself>`; `stp x29, x30, [sp, #-16]!; bl <itself>`.
_CALLS_ITSELF = {
    "x86_64": b"\x48\x83\xec\x08\xe8\xf7\xff\xff\xff",
    "aarch64": b"\xfd\x7b\xbf\xa9\xff\xff\xff\x97",
}
#: Where the stack has no limit it would be all memory.
_STACK_BYTES = 8 * 2**20


def way_to_die(name: str, *, overflow: bool = False) -> tuple[str, Callable[[], object]]:
    """What is about to happen, in words, and the call that does it and does not return."""
    machine = os.uname().machine
    if overflow and machine in _CALLS_ITSELF:
        return "a native function that calls itself", partial(_overflow, _CALLS_ITSELF[machine])
    if name == "SIGSEGV":
        return "a bad read at address 1", partial(ctypes.string_at, 1)
    if name == "SIGABRT":
        return "abort() of the C library", os.abort
    if name == "SIGBUS":
        return "touching a page of a truncated file", _touch_a_truncated_page
    if name == "SIGILL" and machine in _ILLEGAL:
        return "an illegal instruction", partial(_run_machine_code, _ILLEGAL[machine])
    if name == "SIGFPE" and machine in _DIVIDE_BY_ZERO:
        return "an integer division by zero", partial(_run_machine_code, _DIVIDE_BY_ZERO[machine])
    return f"raise({name}), as {machine} has no instruction for it", partial(_raise, name)


def _touch_a_truncated_page() -> None:
    file = os.memfd_create("truncated")  # no name in the file system, so nothing to leave behind
    os.ftruncate(file, mmap.PAGESIZE)
    page = mmap.mmap(file, mmap.PAGESIZE)
    os.ftruncate(file, 0)
    page[0]


def _run_machine_code(code: bytes) -> None:
    memory = mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    memory.write(code)
    ctypes.CFUNCTYPE(None)(ctypes.addressof(ctypes.c_char.from_buffer(memory)))()


def _overflow(code: bytes) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_STACK)
    if soft == resource.RLIM_INFINITY or soft > _STACK_BYTES:
        resource.setrlimit(resource.RLIMIT_STACK, (_STACK_BYTES, hard))
    _run_machine_code(code)


def _raise(name: str) -> None:
    signal.signal(signal.Signals[name], signal.SIG_DFL)
    signal.raise_signal(signal.Signals[name])
