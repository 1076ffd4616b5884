"""What limits the harm at once, until the cause is mended: by kind of the finding that is the cause.

Nothing here changes what messages say or where they go, and nothing deletes any but by the reader's own hand, kept first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from tools.clock import from_iso
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
from tools.report.context import Context
from tools.report.model import ServiceState
from tools.report.sections import secrets, service_states
from tools.sources.records import as_typed
from tools.synthesis.causal_rules.kinds import GHOSTS, LOSS, is_dead_letter
from tools.synthesis.causal_rules.signs import TRACE
from tools.synthesis.health import is_serious
from tools.synthesis.wiring import Wiring

_NAMED_MAX = 3
_EARLY_MS = 60_000
"""What is first seen so soon after the session began may be older than it."""
_LATER_MS = 1000
"""An entry added so much later than an error was seen is not what it failed on: clocks of two machines differ by less."""
_UNREAD = "0-0"


@dataclass(frozen=True, slots=True)
class Scene:
    """What stop-gaps are told by: the session, and how its services were seen last, by name."""

    context: Context
    states: Mapping[str, ServiceState]
    alive: Mapping[str, Sequence[tuple[str, str]]]
    """The stream and group with which a service still reads, by service."""
    unread: frozenset[tuple[str, str]]
    """Groups that were given no entry since they were created at their stream's beginning."""
    repeating: frozenset[str]
    """Services whose lines tell that they send again what was not answered."""

    @classmethod
    def of(cls, context: Context, states: Iterable[ServiceState]) -> Scene:
        """What one session tells; looked up once for all its findings."""
        final = context.data.final
        unread = (
            (stream.name, group.info.name)
            for stream in (final.streams if final is not None else ())
            for group in stream.groups
            if group.info.last_delivered_id == _UNREAD
        )
        alive = service_states.alive_groups(context)
        repeating = frozenset(
            finding.service
            for finding in context.findings
            if isinstance(finding, LogFinding) and finding.category is LogCategory.RETRY_STORM
        )
        return cls(context, {state.service: state for state in states}, alive, frozenset(unread), repeating)

    @property
    def wiring(self) -> Wiring:
        """Who reads and writes which stream."""
        return self.context.wiring


def of_trouble(members: Sequence[Finding], scene: Scene) -> str | None:
    """What limits the harm of the root, `members[0]`; where nothing does, of what it leads to. None where only mending helps.

    What hangs is held by its cause. An entry that fails whoever takes it is set aside, whatever failed on it.
    """
    for at, finding in enumerate(members):
        held = at > 0 and finding.category is StreamCategory.STUCK_MESSAGE
        said = None if held or not is_serious(finding) else _of(finding, members, scene)
        if said is not None:
            return said
    return None


def _of(finding: Finding, members: Sequence[Finding], scene: Scene) -> str | None:
    if isinstance(finding, StreamFinding):
        make = _OF_STREAMS.get(finding.category)
        return None if make is None else make(finding, members, scene)
    if secrets.is_one(finding):
        return secrets.now(finding)
    if isinstance(finding, LogFinding):
        ends = finding.category is LogCategory.CRASH or finding.rule_id == TRACE
        return _of_failure(finding, members, scene) if ends else None
    if isinstance(finding, ConfigFinding) and finding.category is ConfigCategory.GROUP_NAME_MISMATCH:
        streams = ", ".join(finding.affected_streams[:_NAMED_MAX]) or "the stream"
        return (
            f"What waits is not lost while it is kept: trim nothing of {streams}, and destroy no group of it."
        )
    return None


def _of_failure(finding: LogFinding, members: Sequence[Finding], scene: Scene) -> str | None:
    """By what it failed on: an entry that comes back, an entry that it holds, a message that nothing waits for, or none."""
    entries = [one for one in members if isinstance(one, StreamFinding) and one.message_ids]
    for one in entries:
        if (
            one.category is StreamCategory.DELIVERY_FAILURE
            and one.rule_id != LOSS
            and not is_dead_letter(one)
        ):
            return _set_aside(one)
    for one in entries:
        if one.category is StreamCategory.STUCK_MESSAGE and one.rule_id != GHOSTS:
            return _lost_part(finding, one, scene)
    state = scene.states.get(finding.service)
    down = state is not None and state.state == "down"
    if finding.stream_id is not None and finding.category is not LogCategory.CRASH and not down:
        return None
    started = scene.context.data.facts
    early = started is not None and from_iso(finding.timestamp) - started.started_ms <= _EARLY_MS
    start = f"{finding.service} is down: start it again. " if down else ""
    soon = ", soon after the session began: it may be older" if early else ""
    return (
        f"{start}If it came with a release, or with a change of settings or data, undo that "
        f"(first seen at {finding.timestamp[11:19]} UTC{soon})."
    )


def _lost_part(finding: LogFinding, held: StreamFinding, scene: Scene) -> str:
    """A part of the service ended with an entry in its hands."""
    state = scene.states.get(finding.service)
    again = "Start" if state is not None and state.state == "down" else "Restart"
    why = (
        ": its process runs, but a part of it has ended"
        if state is not None and state.state == "running"
        else ""
    )
    entry, stream = held.message_ids[0], stream_shown(held)
    if _added_ms(entry) > from_iso(finding.timestamp) + _LATER_MS:
        return (
            f"{again} {finding.service}{why}. The entry that it holds, {entry}, was added after it failed, so it only waits: "
            "what it acknowledged since then may not be done."
        )
    return as_typed(
        f"Keep a copy of the entry that it holds and may have failed on (XRANGE {stream} {entry} {entry}), then "
        f"{again.lower()} {finding.service}{why}. If it fails on that entry again, XACK {stream} {held.consumer_group} {entry} "
        "sets it aside; it counts as handled from then on.",
        stream,
    )


def _added_ms(entry: str) -> int:
    """When an entry was added, by its id; 0 where a producer counts ids by itself."""
    made = entry.partition("-")[0]
    return int(made) if made.isdecimal() else 0


def _lag(finding: StreamFinding, _members: Sequence[Finding], scene: Scene) -> str:
    """Where one who writes sends again, the same may wait twice: then nobody is told to take it faster."""
    who = _owners(finding, scene.wiring) or f"the service that reads with {finding.consumer_group}"
    writers = scene.wiring.producers.get(stream_shown(finding), ())
    repeats = ", ".join([name for name in writers if name in scene.repeating][:_NAMED_MAX])
    if not repeats:
        return (
            "If neither the order of messages nor handling one twice matters (who waited may have sent it again), start "
            f"one more process of {who}; if it hangs, restart it."
        )
    return (
        f"{repeats} repeats what it asks for, so the same may wait here twice and be done twice. Stop or slow the repeats "
        f"first, where you can. Start no further process or consumer of {who} before it is known that doing the same twice does no harm; "
        "if it hangs, restart it."
    )


def _dead(finding: StreamFinding, _members: Sequence[Finding], scene: Scene) -> str:
    who = _owners(finding, scene.wiring)
    if not who:
        return f"Start the service that reads with {finding.consumer_group}."
    group = finding.consumer_group
    own = stream_shown(finding), group or ""
    other = next((stream for stream, name in scene.alive.get(who, ()) if (stream, name) != own), None)
    if other is None and _state_of(who, scene) == "running":
        return f"{who} runs, but no part of it reads with {group}: restart it."
    if other is None:
        return f"Start {who} again."
    never = ", and the group was never read" if own in scene.unread else ""
    return (
        f"{who} runs (it still reads {other}), but no part of it reads with {group}{never}. Restart it; if that changes "
        "nothing, that part is not started at all."
    )


def _stuck(finding: StreamFinding, _members: Sequence[Finding], scene: Scene) -> str | None:
    if finding.rule_id == GHOSTS:
        return None
    who = _owners(finding, scene.wiring)
    if who and _state_of(who, scene) == "down":
        return f"{who} is down: start it again; then see whether it takes them up again."
    return f"Restart {who or 'the consumer that holds them'}; then see whether it takes them up again."


def _failing(finding: StreamFinding, _members: Sequence[Finding], _scene: Scene) -> str | None:
    if finding.rule_id == LOSS:
        return f"Raise the cap of {finding.stream} where it is written, so that no more is lost unread."
    if is_dead_letter(finding):
        return f"Keep what is on {finding.stream}, so that it can be replayed: no XTRIM, no XDEL."
    return _set_aside(finding) if finding.message_ids else None


def _set_aside(finding: StreamFinding) -> str:
    entry, stream = finding.message_ids[0], stream_shown(finding)
    return as_typed(
        f"If it holds up others, set it aside: keep a copy (XRANGE {stream} {entry} {entry}), then "
        f"XACK {stream} {finding.consumer_group} {entry}; it counts as handled from then on.",
        stream,
    )


_OF_STREAMS: dict[StreamCategory, Callable[[StreamFinding, Sequence[Finding], Scene], str | None]] = {
    StreamCategory.CONSUMER_LAG: _lag,
    StreamCategory.DEAD_CONSUMER: _dead,
    StreamCategory.STUCK_MESSAGE: _stuck,
    StreamCategory.DELIVERY_FAILURE: _failing,
}


def _state_of(service: str, scene: Scene) -> str | None:
    """As the report's first page has it; None where nothing tells of it."""
    state = scene.states.get(service)
    return None if state is None else state.state


def _owners(finding: StreamFinding, wiring: Wiring) -> str:
    """The services that read with the group, where the code or its name tells."""
    return ", ".join(wiring.readers_of(finding)[:_NAMED_MAX])
