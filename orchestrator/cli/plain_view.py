"""The view of `run` without a terminal: one line per event of interest."""

from __future__ import annotations

from typing import TextIO

from orchestrator.cli.session_view import Notice
from orchestrator.cli.tail import SessionTail
from orchestrator.cli.terminal_text import clean
from tools.clock import Clock, StopSignal

REFRESH_S = 0.5
_WIDTH = 300


def watch(tail: SessionTail, out: TextIO, clock: Clock, stop: StopSignal, *, verbose: bool) -> None:
    """Print until `stop` is set, and what came until then. Raises BrokenPipeError where nobody reads."""
    tick = clock.monotonic()
    while not stop.is_set():
        show(tail.refresh(), out, verbose=verbose)
        tick = max(tick + REFRESH_S, clock.monotonic())
        clock.sleep_until(tick, stop)
    show(tail.refresh(), out, verbose=verbose)


def show(notices: list[Notice], out: TextIO, *, verbose: bool) -> None:
    """Print what is to be shown, and flush."""
    for notice in notices:
        if verbose or not notice.verbose:
            out.write(line(notice) + "\n")
    out.flush()


def line(notice: Notice) -> str:
    """`10:02:13Z phase            preflight started`; the time is UTC."""
    time = notice.at[11:19]
    return f"{clean(time)}Z {clean(notice.kind, 16):<16} {clean(notice.text, _WIDTH)}"
