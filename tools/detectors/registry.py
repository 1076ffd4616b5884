"""Every rule, in order: the detectors of the five kinds, and their rules by id."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from tools.detectors import code, config, live, logs, streams
from tools.detectors.contract import (
    CodeDetector,
    ConfigDetector,
    LiveDetector,
    LogDetector,
    StreamDetector,
)
from tools.findings.rule import Rule, by_id

STREAM_DETECTORS: tuple[StreamDetector, ...] = streams.DETECTORS
LOG_DETECTORS: tuple[LogDetector, ...] = logs.DETECTORS
CONFIG_DETECTORS: tuple[ConfigDetector, ...] = config.DETECTORS
CODE_DETECTORS: tuple[CodeDetector, ...] = code.DETECTORS
LIVE_DETECTORS: tuple[LiveDetector, ...] = live.DETECTORS


def rules() -> Mapping[str, Rule]:
    """Every rule of every detector by id; raises ValueError where two share one."""
    return by_id(_all())


def _all() -> Iterator[Rule]:
    for group in (STREAM_DETECTORS, LOG_DETECTORS, CONFIG_DETECTORS, CODE_DETECTORS, LIVE_DETECTORS):
        for detector in group:
            yield from detector.RULES
