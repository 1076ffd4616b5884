"""Options that several commands share: which project, which configuration, which store."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Project = Annotated[Path | None, typer.Option("--project", metavar="DIR", help="The audited project.")]
ConfigFile = Annotated[Path | None, typer.Option("--config", metavar="FILE", help="The configuration file.")]
StateDb = Annotated[Path | None, typer.Option("--state-db", metavar="FILE", help="The store.")]
