"""Rules over polls."""

from __future__ import annotations

from tools.detectors.contract import StreamDetector

DETECTORS: tuple[StreamDetector, ...] = ()
"""Every rule module of this folder, one line each."""
