"""A bundle: pieces that are made one after another, each within bounds; one that fails is told and stops no other."""

from __future__ import annotations

import json
import os
import queue
import threading
import zipfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from msgspec import Struct

from tools.clock import Clock, iso
from tools.errors import StreamgaugeError, UsageError
from tools.masking import mask
from tools.report.markdown_text import cell, table

PIECE_BYTES_MAX = 1_000_000
BYTES_MAX = 30_000_000
"""Of all pieces together, before they are packed."""
PIECE_S_MAX = 30.0
SUMMARY = "SUMMARY.md"


class Piece(Struct, frozen=True):
    """One file of the bundle, or what is told instead: its name, what it is, and how it is made.

    `make` returns text, which is masked again here; it raises what a source raises.
    """

    name: str
    what: str
    make: Callable[[], str]


class Row(Struct, frozen=True):
    """What became of a piece; `problem` is "" where it is there whole."""

    name: str
    what: str
    bytes: int
    problem: str


class Bounds(Struct, frozen=True):
    """What making a bundle may take, seconds all together; and secrets that are known and must not be in it."""

    seconds: float
    secrets: Sequence[str] = ()


def write(path: Path, head: str, pieces: Iterable[Piece], bounds: Bounds, clock: Clock) -> list[Row]:
    """Write the bundle: under a temporary name, read again, renamed. Raises UsageError where it cannot be written."""
    if path.exists():
        raise UsageError(f"{path} is there already. Name another file with --output.")
    temporary = path.with_name(f".{path.name}.tmp.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "w+b") as file:
            with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as bag:
                rows = list(_fill(bag, pieces, bounds, clock))
                _put(bag, SUMMARY, _summary(head, rows, clock), bounds)
            file.flush()
            os.fsync(file.fileno())
            with zipfile.ZipFile(file) as again:
                if (damaged := again.testzip()) is not None:
                    raise UsageError(f"{path}: {damaged} cannot be read back. Is the disk well?")
        temporary.replace(path)
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror or error}.") from error
    finally:
        temporary.unlink(missing_ok=True)
    return rows


def _fill(bag: zipfile.ZipFile, pieces: Iterable[Piece], bounds: Bounds, clock: Clock) -> Iterable[Row]:
    until, room = clock.monotonic() + bounds.seconds, BYTES_MAX
    for piece in pieces:
        left = until - clock.monotonic()
        if left <= 0 or room <= 0:
            limit = f"its {bounds.seconds:g} s" if left <= 0 else f"its {BYTES_MAX:,} bytes"
            yield Row(piece.name, piece.what, 0, f"left out: the bundle had used up {limit}")
            continue
        try:
            text = within(piece.make, min(left, PIECE_S_MAX))
        except Exception as error:  # noqa: BLE001 - whatever one piece is about, the others are made
            yield Row(piece.name, piece.what, 0, _words(error))
            continue
        size, cut = _put(bag, piece.name, text, bounds)
        room -= size
        yield Row(piece.name, piece.what, size, f"cut after {PIECE_BYTES_MAX:,} bytes" if cut else "")


def within(make: Callable[[], str], seconds: float) -> str:
    """What `make` returns, or raises; TimeoutError where it stands still: its thread is left behind."""
    outcome: queue.SimpleQueue[tuple[str, Exception | None]] = queue.SimpleQueue()

    def work() -> None:
        try:
            outcome.put((make(), None))
        except Exception as error:  # noqa: BLE001 - raised again where it is waited for
            outcome.put(("", error))

    threading.Thread(target=work, name="diagnostics", daemon=True).start()
    try:
        text, error = outcome.get(timeout=seconds)
    except queue.Empty:
        raise TimeoutError(f"no answer within {seconds:.0f} s") from None
    if error is not None:
        raise error
    return text


def _put(bag: zipfile.ZipFile, name: str, text: str, bounds: Bounds) -> tuple[int, bool]:
    """Write one file; its size, and whether it was cut."""
    data = _masked(text, bounds.secrets).encode("utf-8", "backslashreplace")
    cut = len(data) > PIECE_BYTES_MAX
    data = data[:PIECE_BYTES_MAX]
    bag.writestr(name, data)
    return len(data), cut


def _masked(text: str, secrets: Sequence[str]) -> str:
    for secret in secrets:
        for written in _written(secret):
            text = text.replace(written, "[masked]")
    return mask(text)


def _written(secret: str) -> tuple[str, ...]:
    """A secret as it may stand there: plain, and as JSON writes it, of ASCII alone or not; the longest first."""
    forms = {secret, json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]}
    return tuple(sorted(forms, key=lambda text: (-len(text), text)))


def _words(error: Exception) -> str:
    said = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    said = " ".join(said.split())[:400]
    # The words of any other error say little without its name (KeyError: 'items').
    expected = isinstance(error, OSError | ValueError | StreamgaugeError)
    return said if expected and said else ": ".join(filter(None, (type(error).__name__, said)))


def _summary(head: str, rows: Sequence[Row], clock: Clock) -> str:
    failed = [row for row in rows if row.problem]
    lines = [
        "# Diagnostics",
        "",
        f"Made at {iso(clock.now_ms())}. Secrets are masked; look through it before you hand it on.",
        "",
        head,
        "",
        f"{len(rows) - len(failed)} of {len(rows)} pieces are there whole.",
        "",
        "## Not there, or not whole",
        "",
        table(("what", "why"), [(cell(row.what), cell(row.problem)) for row in failed])
        if failed
        else "Nothing is missing.",
        "",
        "## Files",
        "",
        table(
            ("file", "what it is", "bytes"),
            [(cell(row.name), cell(row.what), f"{row.bytes:,}") for row in rows if row.bytes],
        ),
    ]
    return "\n".join(lines) + "\n"
