"""What a signal from outside does to a command: the first ends it in order, the second at once, each by its exit code.

Python's own handler raises wherever the program is just then: in a clean-up, or while an error is told, and then the
process ends with a traceback, or with 1, or by the signal. A session under way has handlers of its own; these hold
before it, and behind it, and do nothing where the program is part of another one.
"""

from __future__ import annotations

import atexit
import os
import signal
import sys
import threading
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from types import FrameType

SESSION = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""What ends a session."""


_AGAIN_S = 0.02


class Ended(KeyboardInterrupt):
    """A signal came. In: its number."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number


@dataclass
class _Process:
    """What came, and what the process ends with once its outcome is known. `is_ours`: nothing else runs in it."""

    is_ours: bool = False
    number: int | None = None
    code: int | None = None


_process = _Process()


def begin() -> None:
    """This process is the program: signals are ours from now on, until a command has handlers of its own."""
    _process.is_ours = True
    # Registered first, called last: behind it Python gives signals back their defaults, before the process has ended.
    atexit.register(_ignore)
    sys.unraisablehook = _on_lost
    take(SESSION)


def take(numbers: Iterable[int]) -> None:
    """Have these end the command. Those that whoever started us has ignored stay ignored (nohup, `&`)."""
    if not _process.is_ours:
        return
    for number in numbers:
        with suppress(ValueError):  # outside of the main thread
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, _on_signal)


def give_back() -> None:
    """For a command with handlers of its own: as Python has them."""
    for number in SESSION if _process.is_ours else ():
        if signal.getsignal(number) is _on_signal:
            usual = signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL
            signal.signal(number, usual)


def leave(code: int) -> int:
    """The outcome is known: whatever comes now ends the process with it, at once. Returns it."""
    if _process.code is None:
        _process.code = code
    take(SESSION)
    return code


def is_hurried() -> bool:
    """Whether whoever ends us will kill us soon: a supervisor does, a person at a keyboard does not."""
    return _process.number not in {None, signal.SIGINT}


def code_owed() -> int | None:
    """The exit code of a signal that came before there was an outcome; None where none did."""
    return None if _process.number is None or _process.code is not None else 128 + _process.number


def code_of(error: KeyboardInterrupt) -> int:
    """The exit code that an interrupt means."""
    return 128 + _number(error)


def name_of(error: KeyboardInterrupt) -> str:
    """What ended the command, as people know it."""
    number = _number(error)
    return "Ctrl-C" if number == signal.SIGINT else number.name


def _number(error: KeyboardInterrupt) -> signal.Signals:
    return signal.Signals(error.number) if isinstance(error, Ended) else signal.SIGINT


def _ignore() -> None:
    for number in SESSION:
        signal.signal(number, signal.SIG_IGN)


def _on_lost(lost: sys.UnraisableHookArgs) -> None:
    """What a handler raises inside a callback of the interpreter goes nowhere: the signal comes again, behind it."""
    if not isinstance(lost.exc_value, Ended):
        sys.__unraisablehook__(lost)
        return
    _process.number = None
    again = threading.Timer(_AGAIN_S, os.kill, (os.getpid(), lost.exc_value.number))
    again.daemon = True
    again.start()


def _on_signal(number: int, _frame: FrameType | None) -> None:
    if _process.code is not None:
        os._exit(_process.code)
    if _process.number is not None:
        os._exit(128 + _process.number)
    _process.number = number
    raise Ended(number)
