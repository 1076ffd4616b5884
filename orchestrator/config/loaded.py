"""What loading a configuration gives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from orchestrator.config.model import Config, LogSourceSection


@dataclass(frozen=True, slots=True)
class LoadedConfig:
    """The configuration and where it came from.

    `file` is the file that was read; `detected` says what was taken without being configured; `origins` has
    the place of every setting that is not a default, by dotted name. Without a file, `logs` are the log files that
    were found (`detect.with_logs` takes them) and `passed_over` says what could not be used.
    """

    config: Config
    file: Path | None
    detected: tuple[str, ...]
    origins: Mapping[str, str]
    logs: tuple[LogSourceSection, ...] = ()
    passed_over: tuple[str, ...] = ()
