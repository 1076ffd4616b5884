"""Rules over code: what the Enhancement Scout sees in its first pass."""

from __future__ import annotations

from tools.detectors.code import (
    console_logging,
    count_one,
    hardcoded_stream,
    keys_command,
    no_correlation_id,
    no_dead_letter,
    polling_read,
    producer_no_retry,
    silent_catch,
    xadd_no_maxlen,
    xread_no_group,
    xreadgroup_no_ack,
)
from tools.detectors.contract import CodeDetector

DETECTORS: tuple[CodeDetector, ...] = (
    xadd_no_maxlen,
    xreadgroup_no_ack,
    console_logging,
    keys_command,
    polling_read,
    count_one,
    hardcoded_stream,
    silent_catch,
    no_dead_letter,
    no_correlation_id,
    xread_no_group,
    producer_no_retry,
)
"""Every rule module of this folder, one line each."""
