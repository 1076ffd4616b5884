"""The one place where an error becomes an exit code and a sentence."""

from __future__ import annotations

import os
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO, cast

from typer import Abort, Exit
from typer.exceptions import TyperException

from orchestrator.cli import signals
from tools.errors import LockHeld, PreflightFailed, StreamgaugeError, UsageError

OK, FINDINGS, USAGE, BLIND, INTERNAL, HELD, HUNG_UP, INTERRUPTED, TERMINATED = (
    0,
    1,
    2,
    3,
    4,
    75,
    129,
    130,
    143,
)

MEANINGS: dict[int, str] = {
    OK: "nothing at or above --fail-on",
    FINDINGS: "findings at or above --fail-on",
    USAGE: "bad usage or configuration",
    BLIND: "pre-flight failed, or something configured could not be looked at",
    INTERNAL: "internal error",
    HELD: "another session holds the lock",
    HUNG_UP: "ended by SIGHUP (its terminal closed); the report is written, unless a signal came twice",
    INTERRUPTED: "ended by Ctrl-C (SIGINT); the report is written, unless it came twice",
    TERMINATED: "ended by SIGTERM; the report is written, unless it came twice",
}
"""Exit codes of `run` (specification 1)."""

_CODES: tuple[tuple[type[StreamgaugeError], int], ...] = (
    (UsageError, USAGE),
    (PreflightFailed, BLIND),
    (LockHeld, HELD),
)


class OutputRefused(OSError):
    """Standard output does not take what is written, and its reader has not left."""


class _Output:
    """A stream whose own failures are told apart from those of other files."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        with _refusals():
            return self._stream.write(text)

    def flush(self) -> None:
        with _refusals():
            self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextmanager
def _refusals() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OutputRefused(*error.args) from error


@contextmanager
def checked_output() -> Iterator[None]:
    """Say in one sentence that standard output takes nothing, and end with the exit code of wrong usage."""
    try:
        with redirect_stdout(cast("TextIO", _Output(sys.stdout))):
            try:
                yield
            finally:
                sys.stdout.flush()
    except BrokenPipeError as error:
        hush()
        raise SystemExit(OK) from error
    except OutputRefused as error:
        say(f"the output cannot be written: {error.strerror or error}. Send it elsewhere.")
        hush()
        raise SystemExit(USAGE) from error


@dataclass
class StateFolder:
    """Where the traceback of an internal error goes; a command sets it once it knows."""

    path: Path


def exit_code_of(call: Callable[[], object], state: StateFolder) -> int:
    """Run a command; its own number is the exit code, and so is what its error means.

    Errors of the command line's own grammar pass through: they print themselves. So does OutputRefused.
    """
    try:
        result = call()
        sys.stdout.flush()
    except (TyperException, Exit, Abort):
        raise
    except KeyboardInterrupt as error:
        return not_begun(error)
    except BrokenPipeError:
        hush()
        return OK
    except StreamgaugeError as error:
        say(str(error))
        return code_of(error)
    except OutputRefused:
        raise
    except Exception as error:  # noqa: BLE001 - the boundary of the command line
        place = keep_traceback(error, state.path)
        say(f"internal error ({type(error).__name__}); the details are in {place}. Please report it.")
        return INTERNAL
    return result if isinstance(result, int) else OK


def not_begun(error: KeyboardInterrupt) -> int:
    """Say that a signal came before there was a session; its exit code."""
    code = signals.leave(signals.code_of(error))
    say(f"ended by {signals.name_of(error)}; no session was begun.")
    return code


def code_of(error: StreamgaugeError) -> int:
    """The exit code that an error means."""
    return next((code for kind, code in _CODES if isinstance(error, kind)), INTERNAL)


def shielded(call: Callable[[], object], state: Path) -> Callable[[], None]:
    """`call` for a thread that nothing may depend on: its error is told in one line and kept, no more."""

    def run() -> None:
        try:
            call()
        except BrokenPipeError:
            hush()
        except Exception as error:  # noqa: BLE001 - the same for a thread of it
            place = keep_traceback(error, state)
            say(f"the live view stopped ({type(error).__name__}; details in {place}); the session goes on.")

    return run


def say(text: str) -> None:
    """One message to standard error, without control characters and secrets."""
    from orchestrator.cli.terminal_text import clean
    from tools.masking import mask

    lines = [mask(clean(line)) for line in text.splitlines()]
    try:
        sys.stderr.write("".join(f"streamgauge: {line}\n" for line in lines))
        sys.stderr.flush()
    except OSError:
        return


def keep_traceback(error: BaseException, folder: Path) -> Path:
    """Write a masked traceback to `folder`, or to the temporary folder where that cannot be written."""
    from tools.masking import mask

    now = datetime.now(tz=UTC)
    text = mask("".join(traceback.format_exception(error)).encode("utf-8", "backslashreplace").decode())
    for candidate in (folder, Path(tempfile.gettempdir())):
        file = candidate / f"streamgauge-error-{now:%Y%m%d_%H%M%S}-{os.getpid()}.txt"
        try:
            candidate.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
        except OSError:
            continue
        return file
    return Path(os.devnull)


def keep_streams() -> None:
    """Give a process that was started with closed streams ones that lead nowhere.

    Else what is written fails, and the next file that is opened takes a standard stream's place.
    """
    descriptor = os.open(os.devnull, os.O_RDWR)
    while descriptor <= 2:
        descriptor = os.open(os.devnull, os.O_RDWR)
    if sys.stdout is not None and sys.stderr is not None:
        os.close(descriptor)
        return
    # Kept open until the process ends, as the streams that they stand for would be.
    nowhere = os.fdopen(descriptor, "w", encoding="utf-8", closefd=False)
    sys.stdout = sys.stdout if sys.stdout is not None else nowhere
    sys.stderr = sys.stderr if sys.stderr is not None else nowhere


def hush() -> None:
    """Nobody reads any more: send the rest nowhere, so that the last flush does not complain either."""
    descriptor = os.open(os.devnull, os.O_WRONLY)
    os.dup2(descriptor, sys.stdout.fileno())
    os.close(descriptor)
