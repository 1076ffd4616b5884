"""Rules over log lines."""

from __future__ import annotations

from tools.detectors.contract import LogDetector

DETECTORS: tuple[LogDetector, ...] = ()
"""Every rule module of this folder, one line each."""
