"""Why one finding explains another: one small rule a module, listed here in the order they are tried.

The nearest explanation stands first: growth is explained by the lag before the dead consumer behind the lag, so
that a chain reads root → … → symptom, one step at a time.
"""

from __future__ import annotations

from tools.synthesis.causal_rules import (
    crashed_service,
    dead_consumer,
    dead_letters,
    failed_handling,
    fatal_error,
    gone_service,
    group_mismatch,
    lag_growth,
    late_answers,
    lost_part,
    memory_exhausted,
    memory_leak,
    missing_ack,
    missing_variable,
    no_dead_letter,
    pending_growth,
    poison_message,
    refused_connections,
    refused_reads,
    restart_loop,
    schema_change,
    schema_errors,
    slow_reader,
    taken_port,
    trimmed_unread,
    uncapped_stream,
    unread_stream,
    wrong_version,
)
from tools.synthesis.causal_rules.contract import CausalRule

RULES: tuple[CausalRule, ...] = (
    failed_handling.RULE,
    failed_handling.UNNAMED,
    poison_message.RULE,
    dead_letters.RULE,
    dead_letters.HANDLER,
    pending_growth.RULE,
    missing_ack.RULE,
    lag_growth.RULE,
    dead_consumer.RULE,
    unread_stream.RULE,
    group_mismatch.RULE,
    restart_loop.RULE,
    gone_service.RULE,
    crashed_service.RULE,
    crashed_service.LATE,
    fatal_error.RULE,
    refused_reads.RULE,
    lost_part.RULE,
    unread_stream.ROGUE,
    uncapped_stream.RULE,
    memory_exhausted.RULE,
    refused_connections.RULE,
    late_answers.RULE,
    memory_leak.RULE,
    missing_variable.RULE,
    taken_port.RULE,
    wrong_version.RULE,
    schema_errors.RULE,
    schema_change.RULE,
    schema_change.MIXED,
    no_dead_letter.RULE,
    trimmed_unread.RULE,
    trimmed_unread.GHOST_RULE,
    slow_reader.RULE,
    slow_reader.WAITING,
)
"""Every causal rule, the nearest explanation first."""
