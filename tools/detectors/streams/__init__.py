"""Rules over polls."""

from __future__ import annotations

from tools.detectors.contract import StreamDetector
from tools.detectors.streams import (
    competing_consumers,
    consumer_lag,
    consumer_leak,
    dead_consumer,
    dead_letter,
    delivery_failure,
    ghost_pending,
    growing,
    missing_ack,
    missing_maxlen,
    no_consumer_group,
    orphaned,
    schema_inconsistency,
    silent_loss,
    stuck_message,
    time_lag,
    unbounded,
)

DETECTORS: tuple[StreamDetector, ...] = (
    consumer_lag,
    time_lag,
    growing,
    silent_loss,
    stuck_message,
    ghost_pending,
    delivery_failure,
    dead_consumer,
    no_consumer_group,
    missing_ack,
    unbounded,
    missing_maxlen,
    competing_consumers,
    consumer_leak,
    orphaned,
    schema_inconsistency,
    dead_letter,
)
"""Every rule module of this folder, one line each."""
