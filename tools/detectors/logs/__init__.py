"""Rules over log lines."""

from __future__ import annotations

from tools.detectors.contract import LogDetector
from tools.detectors.logs import (
    agent_run,
    clock,
    error,
    expected,
    format_mixed,
    memory_growth,
    no_output,
    path_exposure,
    restart_loop,
    retry_storm,
    secret,
    severity_mismatch,
    silence,
    stack_trace,
)

DETECTORS: tuple[LogDetector, ...] = (
    error,
    stack_trace,
    silence,
    retry_storm,
    restart_loop,
    secret,
    clock,
    no_output,
    severity_mismatch,
    format_mixed,
    memory_growth,
    path_exposure,
    agent_run,
    expected,
)
"""Every rule module of this folder, one line each."""
