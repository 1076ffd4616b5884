"""Where the files that come with streamgauge lie: beside the packages in a checkout, inside the wheel elsewhere."""

from __future__ import annotations

from pathlib import Path

_HERE = Path(__file__).resolve().parent


def folder(name: str) -> Path:
    """The folder `examples` or `session_templates`. Raises FileNotFoundError for a broken installation."""
    for candidate in (_HERE / "_bundled" / name, _HERE.parent / name):
        if candidate.is_dir():
            return candidate
    raise FileNotFoundError(f"{name} is missing from this installation of streamgauge; install it again")
