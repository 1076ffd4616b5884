"""Feature flags from flags.json in the project root."""

import json
from pathlib import Path
from typing import Any

FLAGS = Path(__file__).resolve().parents[1] / "flags.json"


def read(name: str) -> dict[str, Any]:
    """The settings of one flag; empty when it is not set."""
    flags: dict[str, dict[str, Any]] = json.loads(FLAGS.read_text(encoding="utf-8"))
    return flags.get(name, {})
