"""Rules over polls that give advice: what the Enhancement Scout sees of the running system."""

from __future__ import annotations

from tools.detectors.contract import LiveDetector
from tools.detectors.live import polling_reads

DETECTORS: tuple[LiveDetector, ...] = (polling_reads,)
"""Every rule module of this folder, one line each."""
