"""Rules over configuration, code and server together."""

from __future__ import annotations

from tools.detectors.contract import ConfigDetector

DETECTORS: tuple[ConfigDetector, ...] = ()
"""Every rule module of this folder, one line each."""
