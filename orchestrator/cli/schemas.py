"""`schemas`: the JSON Schemas of everything that programs may read, and of the configuration."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from orchestrator.config.model import Config
from orchestrator.session_status import SessionStatus
from tools.report.schemas import DIALECT, export, struct
from tools.workspace import write_atomically


def schemas() -> dict[str, dict[str, Any]]:
    """Schema by file name."""
    configuration = {"$schema": DIALECT} | Config.model_json_schema(mode="validation")
    status = {"$schema": DIALECT} | struct(SessionStatus)
    return export() | {"configuration.schema.json": configuration, "session-status.schema.json": status}


def write(folder: Path) -> list[Path]:
    """Write every schema below `folder`; returns the files. Raises OSError."""
    files: list[Path] = []
    for name, schema in schemas().items():
        text = json.dumps(schema, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
        write_atomically(folder / name, text.encode())
        files.append(folder / name)
    return files
