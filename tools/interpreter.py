"""How our own processes find our packages and what they depend on."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path


def python_path(packages: Path, environ: Mapping[str, str]) -> str:
    """PYTHONPATH for a process of ours: the folder of our packages, then what was there."""
    given = environ.get("PYTHONPATH")
    return os.pathsep.join([str(packages), *([given] if given else [])])
