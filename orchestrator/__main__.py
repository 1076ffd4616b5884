"""Entry point of `python -m orchestrator` and of the console script `streamgauge`.

`python -m` puts the current folder first on `sys.path`; inside an audited project that has its own `tools` or
`agents` their code would run instead of ours. So nothing of ours is imported before the path is put right.
"""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec
from pathlib import Path

_HOME = Path(__file__).resolve().parents[1]
_SIBLINGS = ("agents", "prompts", "tools")


def guard_path() -> None:
    """Take the current folder off `sys.path` unless it is where this package lies, or Python left it out itself."""
    if not sys.flags.safe_path and sys.path and Path(sys.path[0]).resolve() != _HOME:
        del sys.path[0]


def stranger() -> str | None:
    """What hides one of our packages, as a sentence; None where all lie beside this one."""
    for name in _SIBLINGS:
        spec = find_spec(name)
        origin = None if spec is None else spec.origin
        if origin is None or Path(origin).resolve().parent.parent != _HOME:
            return (
                f"streamgauge cannot start: its package {name!r} is "
                f"{'missing' if spec is None else f'hidden by another one ({origin})'}. Another distribution, "
                "such as openai-agents, installs a package of that name. Install streamgauge in an environment of "
                "its own: `uv tool install streamgauge` or `pipx install streamgauge`."
            )
    return None


def main() -> None:
    """Check that our packages are ours, then run the command line."""
    try:
        from orchestrator.cli import signals

        signals.begin()
        problem = stranger()
        if problem is not None:
            print(problem, file=sys.stderr)  # noqa: T201 - nothing else of ours may be imported yet
            sys.exit(2)
        from orchestrator.cli.app import app

        app()  # makes its commands first, which takes a while
    except KeyboardInterrupt as error:
        number = getattr(error, "number", 2)
        said = {2: "Ctrl-C", 15: "SIGTERM"}.get(number, "a signal")
        # Nothing was begun that would have to be ended, and the way out could be interrupted too.
        os.write(2, f"streamgauge: ended by {said}; no session was begun.\n".encode())
        os._exit(128 + number)


if __name__ == "__main__":
    guard_path()
    main()
