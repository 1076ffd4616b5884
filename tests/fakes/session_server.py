"""Forks session processes out of one that has imported everything: what is imported costs a session most of its CPU.

Standard input brings an order a line (environment, arguments, file for the output); standard output says `["started",
pid]` to each, and `["ended", pid, code]` as each ends. A session is a process in a process group of its own, as any is,
and may be killed. When standard input ends, the server leaves.
"""

from __future__ import annotations

import gc
import os
import select
import signal
import sys

import msgspec

from tests.fakes import session_program


class Order(msgspec.Struct, frozen=True):
    """One session: `arguments` as of `session_program`, `output` gets what it prints."""

    arguments: list[str]
    environment: dict[str, str]
    output: str


def _say(*words: object) -> None:
    os.write(sys.stdout.fileno(), msgspec.json.encode(words) + b"\n")


def _reap() -> None:
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if not pid:
            return
        _say("ended", pid, os.waitstatus_to_exitcode(status))


def _become(order: Order) -> None:
    """Whatever a process of its own would have: group, files, environment, arguments."""
    os.setsid()
    nothing = os.open(os.devnull, os.O_RDONLY)
    output = os.open(order.output, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for descriptor, place in ((nothing, 0), (output, 1), (output, 2)):
        os.dup2(descriptor, place)
    os.close(nothing)
    os.close(output)
    os.environ.clear()
    os.environ.update(order.environment)
    sys.argv[1:] = order.arguments


def _served() -> Order | None:
    """Returns in each session with its order, and in the server when there are no more."""
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake)
    begun = b""
    while True:
        ready, _, _ = select.select([0, woken], [], [])
        if woken in ready:
            os.read(woken, 4096)
            _reap()
        if 0 not in ready:
            continue
        part = os.read(0, 1 << 20)
        if not part:
            return None
        *lines, begun = (begun + part).split(b"\n")
        for line in lines:
            pid = os.fork()
            if not pid:
                signal.set_wakeup_fd(-1)
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                os.close(woken)
                os.close(wake)
                return msgspec.json.decode(line, type=Order)
            _say("started", pid)


def main() -> int:
    gc.freeze()
    order = _served()
    if order is None:
        return 0
    _become(order)
    return session_program.main()


if __name__ == "__main__":
    sys.exit(main())
