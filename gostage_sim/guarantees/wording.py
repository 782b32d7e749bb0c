"""Names, numbers and texts as they stand in a reason: short, and safe to print although a child chose them."""

from __future__ import annotations

_LONGEST = 200


def plain(name: str) -> str:
    """A message type or process name: as it is when printable, escaped and quoted otherwise."""
    return name if name.isprintable() and 0 < len(name) <= _LONGEST else quoted(name)


def quoted(text: str) -> str:
    """Text in quotes without control characters or line ends, the middle cut out of a long one."""
    if len(text) > _LONGEST:
        half = _LONGEST // 2
        text = f"{text[:half]} … {text[-half:]}"
    return repr(text)


def count(number: int, noun: str) -> str:
    """`1 message`, `2 messages`, `1 process`, `3 processes`."""
    return f"{number:,} {noun if number == 1 else plural(noun)}"


def plural(noun: str) -> str:
    """`messages`, `processes`."""
    return f"{noun}{'es' if noun.endswith('s') else 's'}"


def seconds(nanoseconds: int) -> str:
    """`0.250 s`; a negative span keeps its sign."""
    return f"{nanoseconds / 1e9:.3f} s"


def ending(exit_code: int | None, signal: str | None) -> str:
    """`killed by SIGSEGV`, `exit code 3`, `no exit status`."""
    if signal is not None:
        return f"killed by {signal}"
    return "no exit status" if exit_code is None else f"exit code {exit_code}"
