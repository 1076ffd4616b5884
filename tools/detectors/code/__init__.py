"""Rules over code."""

from __future__ import annotations

from tools.detectors.contract import CodeDetector

DETECTORS: tuple[CodeDetector, ...] = ()
"""Every rule module of this folder, one line each."""
