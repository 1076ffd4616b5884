"""What limits the harm at once, until the cause is mended: by kind of the finding that is the cause.

Nothing here changes what messages say or where they go, and nothing deletes any but by the reader's own hand, kept first.
"""

from __future__ import annotations

from collections.abc import Callable

from tools.findings.model import (
    ConfigCategory,
    ConfigFinding,
    Finding,
    LogCategory,
    LogFinding,
    StreamCategory,
    StreamFinding,
    stream_shown,
)
from tools.synthesis.causal_rules.kinds import GHOSTS, LOSS, is_dead_letter
from tools.synthesis.causal_rules.signs import TRACE
from tools.synthesis.health import is_serious
from tools.synthesis.wiring import Wiring

_NAMED_MAX = 3


def of(finding: Finding, wiring: Wiring) -> str | None:
    """One or two sentences; None where nothing helps but the mending itself, or it is not serious."""
    if not is_serious(finding):
        return None
    if isinstance(finding, StreamFinding):
        make = _OF_STREAMS.get(finding.category)
        return None if make is None else make(finding, wiring)
    if isinstance(finding, LogFinding):
        ends = finding.category is LogCategory.CRASH or finding.rule_id == TRACE
        return (
            f"If this began with a release of {finding.service}, go back to the one before." if ends else None
        )
    if isinstance(finding, ConfigFinding) and finding.category is ConfigCategory.GROUP_NAME_MISMATCH:
        streams = ", ".join(finding.affected_streams[:_NAMED_MAX]) or "the stream"
        return (
            f"What waits is not lost while it is kept: trim nothing of {streams}, and destroy no group of it."
        )
    return None


def _lag(finding: StreamFinding, wiring: Wiring) -> str:
    who = _owners(finding, wiring)
    return (
        f"Start one more process of {who or f'the service that reads with {finding.consumer_group}'}, if neither "
        "the order of messages nor handling one twice matters (who waited may have sent it again); if it hangs, restart it."
    )


def _dead(finding: StreamFinding, wiring: Wiring) -> str:
    who = _owners(finding, wiring)
    return f"Start {who} again." if who else f"Start the service that reads with {finding.consumer_group}."


def _stuck(finding: StreamFinding, wiring: Wiring) -> str | None:
    if finding.rule_id == GHOSTS:
        return None
    who = _owners(finding, wiring)
    return f"Restart {who or 'the consumer that holds them'}; then see whether it takes them up again."


def _failing(finding: StreamFinding, _wiring: Wiring) -> str | None:
    if finding.rule_id == LOSS:
        return f"Raise the cap of {finding.stream} where it is written, so that no more is lost unread."
    if is_dead_letter(finding):
        return f"Keep what is on {finding.stream}, so that it can be replayed: no XTRIM, no XDEL."
    if not finding.message_ids:
        return None
    entry, stream = finding.message_ids[0], stream_shown(finding)
    return (
        f"If it holds up others, set it aside: keep a copy (XRANGE {stream} {entry} {entry}), then "
        f"XACK {stream} {finding.consumer_group} {entry}; it counts as handled from then on."
    )


_OF_STREAMS: dict[StreamCategory, Callable[[StreamFinding, Wiring], str | None]] = {
    StreamCategory.CONSUMER_LAG: _lag,
    StreamCategory.DEAD_CONSUMER: _dead,
    StreamCategory.STUCK_MESSAGE: _stuck,
    StreamCategory.DELIVERY_FAILURE: _failing,
}


def _owners(finding: StreamFinding, wiring: Wiring) -> str:
    """The services that read with the group, where the code or its name tells."""
    return ", ".join(wiring.readers_of(finding)[:_NAMED_MAX])
