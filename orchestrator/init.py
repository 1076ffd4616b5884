"""`init`: write a commented `streamgauge.toml` from what the project's own files tell."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from orchestrator import bundled
from orchestrator.config.load import FILE_NAME, load
from orchestrator.config.survey import Survey, survey
from tools.errors import UsageError
from tools.workspace import write_atomically

_TEMPLATE = "streamgauge.toml.j2"


def initialise(folder: Path, environ: Mapping[str, str], *, force: bool = False) -> tuple[Path, Survey]:
    """Write the file into `folder`; returns it and what it was made from. The result loads.

    Raises UsageError where it is there already (without `force`) or the folder cannot be written.
    """
    file = folder / FILE_NAME
    if not folder.is_dir():
        raise UsageError(f"{folder} is not a folder. Name the folder of the project.")
    if file.exists() and not force:
        raise UsageError(f"{file} is there already. Edit it, or give --force to write it again.")
    found = survey(folder, environ)
    try:
        write_atomically(file, render(found).encode())
    except OSError as error:
        raise UsageError(f"{file} cannot be written: {error.strerror or error}.") from error
    load(project=None, config_file=file, environ={}, flags={}, cwd=folder)
    return file, found


def advice(found: Survey) -> tuple[str, ...]:
    """What the file still lacks for a session that sees the system at work, a sentence each."""
    if found.redis_url is not None:
        return ()
    starts = found.has_start or found.redis_start is not None
    until = "is refused, because the start commands need it" if starts else "is static: it reads files only"
    return (
        f"No Redis address was found to write down; without one `streamgauge run` {until}.",
        f"Set redis.url in {FILE_NAME}, for example redis://127.0.0.1:6379/0, or give --redis-url to a run.",
    )


def render(found: Survey) -> str:
    """The text of the file."""
    loader = FileSystemLoader(bundled.folder("session_templates"))
    # TOML, not HTML: strings go through the filter below.
    environment = Environment(
        loader=loader,
        undefined=StrictUndefined,
        autoescape=False,  # noqa: S701
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["toml"] = toml_string
    notes = [" ".join(note.split()) for note in found.notes]
    values = asdict(found) | {"notes": notes, "has_start": found.has_start}
    return environment.get_template(_TEMPLATE).render(values)


def toml_string(value: str) -> str:
    """A TOML basic string; every control character is escaped."""
    plain = value.encode("utf-8", "replace").decode("utf-8")
    return json.dumps(plain, ensure_ascii=False).replace("\x7f", "\\u007f")
