"""Runs a program that does not outlive its starter.

`python -I -S leash.py exec|stay STARTER PROGRAM ARGUMENT...`, STARTER being a process id.

`exec` (Linux): the kernel is told to kill the process when the starter dies, even by SIGKILL, and the process then
becomes the program. `stay` (elsewhere): the process stays between, and kills its process group when its standard
input ends, whose other end the starter alone holds. It imports nothing of ours and only what it needs: it is started
for each followed source.
"""

from __future__ import annotations

import os
import signal
import sys

_PR_SET_PDEATHSIG = 1
_CANNOT_START = 127


def main(arguments: list[str]) -> int:
    """Become the program, or run it; returns an exit code only where it stayed or could not start."""
    how, starter, program = arguments[0], int(arguments[1]), arguments[2:]
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # Python ignores it, and what it ignores is inherited
    try:
        if how == "stay":
            return _stay(program)
        _become(program, starter)
    except OSError as error:
        sys.stderr.write(f"{program[0]} cannot be started: {error.strerror}\n")
    return _CANNOT_START


def _become(program: list[str], starter: int) -> None:
    import ctypes

    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    if os.getppid() != starter:  # it died before the kernel was told
        return
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.execv(program[0], program)  # noqa: S606 - no shell, and the program was looked up by our caller


def _stay(program: list[str]) -> int:
    import subprocess
    import threading

    def kill_at_end_of_input() -> None:
        while os.read(0, 4096):
            pass
        os.killpg(0, signal.SIGKILL)

    process = subprocess.Popen(program, stdin=subprocess.DEVNULL)
    threading.Thread(target=kill_at_end_of_input, daemon=True).start()
    return process.wait()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
