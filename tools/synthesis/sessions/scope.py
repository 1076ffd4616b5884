"""Whether a later session really looked for what an earlier one found. Where it did not, nothing is resolved."""

from __future__ import annotations

from tools.detectors.streams.families import family_of
from tools.findings.model import AgentId
from tools.quantities import format_duration
from tools.synthesis import cross_agent
from tools.synthesis.sessions import judging
from tools.synthesis.sessions.entries import families, not_read
from tools.synthesis.sessions.record import OF_A_CHANGE, KnownFinding, Scope, SessionRecord, Was, was_of
from tools.template_words import covers

_LOGS, _STREAMS = AgentId.LOG_WATCHER.slug, AgentId.REDIS_STREAM_ANALYST.slug
_ALL = tuple(agent.slug for agent in AgentId)
_OF_SESSION = "session."
_PHASES = {
    "session.stream-command-missing": "preflight",
    "session.service-not-ready": "preflight",
    "session.output-flood": "shutdown",
    "session.leftover-process": "shutdown",
    "session.leftover-port": "shutdown",
    "session.leftover-connection": "shutdown",
}
"""The session's own rules: with the phase that looks."""
_MODES = {
    "session.stream-command-missing": ("managed", "attach"),
    "session.service-not-ready": ("managed",),
}
"""And the modes in which that phase looks, where it passes in others too."""
_LIVE = "live."
_UNSEEN = "Redis was not seen to the end of the later session"
WRONG_BY_BEING_THERE = frozenset({"stream.orphaned", "config.rogue-stream"})
"""Rules about streams that should not be: one that is gone is put right."""
OF_ARRIVAL = frozenset({"config.rogue-stream"})
"""Rules that speak of what appears within a session: the next one has it from the beginning, and they are silent."""
OF_CODE_TOO = frozenset({"stream.missing-maxlen", "stream.unbounded", "stream.growing"})
"""Rules about streams that speak of what the code does, and say nothing where it cannot be read."""
_OF_CLIENTS = frozenset({"stream.consumer-leak", "live.polling-reads"})
"""Rules that say nothing where the clients are not listed."""
_GIVES_WAY = {
    "stream.time-lag": "stream.consumer-lag",
    "stream.stuck-message": "stream.ghost-pending",
    "stream.consumer-leak": "stream.dead-consumer",
}
"""Rules that say nothing where another one says more of the same."""
HIDDEN_BY_NAMES = frozenset(
    {
        "code.xadd-no-maxlen",
        "code.xreadgroup-no-ack",
        "code.xread-no-group",
        "config.doc-drift",
        "config.group-name-mismatch",
        "config.naming-inconsistency",
        "stream.unbounded",
        "stream.growing",
    }
)
"""Rules that are silent where a name that only a run tells, in whichever file, may be the one that they miss."""
MORE_NAMES = "the code has more names that are known only at run time, one of which may hide it"


class Looking:
    """What the later of two sessions looked at, seen from the earlier one."""

    def __init__(self, earlier: SessionRecord, later: SessionRecord) -> None:
        self._later, self._scope = later, later.scope
        self._was = was_of(earlier.scope)
        self._spoke = () if earlier.scope is None else earlier.scope.services
        self._server_differs = "attach" in {earlier.mode, later.mode} and earlier.redis != later.redis
        scope = later.scope
        self._files = frozenset(scope.files or ()) if scope is not None else frozenset[str]()
        self._unread = frozenset(scope.unread_files if scope is not None else ())
        # A stream whose name holds an id is another one each time; what is found of it is found of its family.
        self._entries = families(scope)
        self._groups: dict[str, set[str]] = {}
        for name, groups in (scope.streams or ()) if scope is not None else ():
            self._groups.setdefault(family_of(name), set()).update(groups)
        self._judging = None if scope is None else judging.read(scope.limits)
        self._instead = {_about(it.rule_id, it): it for it in later.findings}
        self._of_names = [it for it in later.findings if it.names_vary]

    def counted_by(self, known: KnownFinding) -> str:
        """The id of the finding that its lines belong to since a name in them varies; "" where there is none."""
        if not known.template:
            return ""
        about = known.rule_id, known.services
        alike = (it for it in self._of_names if (it.rule_id, it.services) == about)
        return next((it.finding_id for it in alike if covers(it.template, known.template)), "")

    def not_observed(self, known: KnownFinding) -> str:
        """Why the later session's silence about a finding says nothing; "" where its rule looked there in vain."""
        scope = self._scope
        if scope is None:
            return "nothing tells what the later session looked at"
        if self._later.incomplete == OF_A_CHANGE:
            return "the later session reported a change only"
        reason = _rule(known, scope)
        if not reason and not self._judged_alike(known, scope):
            reason = "limits or intent are not those of the earlier session"
        return reason or self._entity(known, scope)

    def _judged_alike(self, known: KnownFinding, scope: Scope) -> bool:
        """Whether limits and intent are those under which it was seen, as far as they are about it."""
        was = known.was or self._was
        if was is None or was.judgement == scope.judgement or known.joins:
            return True  # what joins findings is judged with them
        if not known.judged:
            return False
        return self._judging is not None and self._judging.digest(known) == known.judged

    def _entity(self, known: KnownFinding, scope: Scope) -> str:
        if known.rule_id.startswith(_OF_SESSION):
            # The session itself looks once, in a phase that finished.
            looks = self._later.mode in _MODES.get(known.rule_id, (self._later.mode,))
            return "" if looks else f"a session in mode {self._later.mode} does not look for it"
        if known.rule_id == cross_agent.RULE.id:
            return _long_enough(known, scope.window_ms - scope.unpolled_ms)
        if known.agent == _LOGS:
            return self._lines(known, scope) or _long_enough(known, scope.window_ms)
        if known.agent == _STREAMS or known.rule_id.startswith(_LIVE):
            unseen = self._stream(known, scope) or not_read(known, self._entries)
            return unseen or self._besides(known, scope)
        return self._of_files(known, scope) or not_read(known, self._entries)

    def _said_instead(self, known: KnownFinding) -> str:
        other = _GIVES_WAY.get(known.rule_id)
        found = None if other is None else self._instead.get(_about(other, known))
        return (
            "" if found is None else f"its rule gives way to {found.finding_id}, {found.rule_id} of the same"
        )

    def _besides(self, known: KnownFinding, scope: Scope) -> str:
        """What a rule about streams needs beside them."""
        if said := self._said_instead(known):
            return said
        if known.rule_id in OF_CODE_TOO and (unread := self._of_files(known, scope)):
            return unread
        if known.rule_id in _OF_CLIENTS and not scope.clients:
            return "the server did not tell the later session who its clients are"
        return _often_enough(known, scope) or _long_enough(known, scope.window_ms - scope.unpolled_ms)

    def _lines(self, known: KnownFinding, scope: Scope) -> str:
        # What is about no one service is about all of them.
        silent = [name for name in known.services or self._spoke if name not in scope.services]
        if silent:
            return f"no line of {silent[0]} was read in the later session"
        was = known.was or self._was
        before = () if was is None else was.unread_logs
        unread = [what for what in scope.unread_logs if what not in before]
        return f"not all lines were read in the later session: {unread[0]}" if unread else ""

    def _stream(self, known: KnownFinding, scope: Scope) -> str:
        if self._server_differs:
            return f"the later session looked at another server ({self._later.redis or 'none'})"
        if scope.streams is None:
            return _UNSEEN
        if known.rule_id in WRONG_BY_BEING_THERE:
            return ""
        for name in known.streams:
            groups = self._groups.get(family_of(name))
            if groups is None:
                return f"stream {name} was not there in the later session"
            if known.group is not None and known.group not in groups:
                return f"group {known.group} was not there in the later session"
        return ""

    def _of_files(self, known: KnownFinding, scope: Scope) -> str:
        if scope.files is None:
            return "not all of the project's files were read in the later session"
        # What is carried on counts as it was seen, not as it was missed since.
        was = known.was or self._was
        others = (scope.globs, scope.ignore_rules)
        other_files = was is not None and (was.globs, was.ignore_rules) != others
        for path in known.files:
            if other_files and path not in self._files:
                return f"{path} was not among the files that the later session read"
            if path in self._unread:
                return f"{path} was not read whole in the later session"
        if sum(scope.unnamed.get(path, 0) for path in known.files) > known.unnamed:
            return f"{known.files[0]} has more names that are known only at run time"
        if known.rule_id in HIDDEN_BY_NAMES and _has_more_names(scope, was):
            return MORE_NAMES
        # What a server had a part in is not gone because nobody asked the server.
        asked = was is None or was.asked
        about_server = known.rule_id.startswith("config.") and (known.of_server or bool(known.streams))
        return self._server(known, scope) if asked and about_server else ""

    def _server(self, known: KnownFinding, scope: Scope) -> str:
        """Of a finding about configuration: the streams that it was held against."""
        if self._server_differs:
            return f"the later session looked at another server ({self._later.redis or 'none'})"
        if scope.streams is None:
            return _UNSEEN
        if known.rule_id in OF_ARRIVAL:
            return self._still_there(known)
        may_go = known.rule_id in WRONG_BY_BEING_THERE
        gone = [name for name in known.on_server if family_of(name) not in self._groups]
        return f"stream {gone[0]} was not there in the later session" if gone and not may_go else ""

    def _still_there(self, known: KnownFinding) -> str:
        for name in known.streams:
            groups = self._groups.get(family_of(name))
            if groups is not None and (known.group is None or known.group in groups):
                what = f"stream {name}" if known.group is None else f"group {known.group} of {name}"
                return f"{what} is there still, and its rule speaks only of what appears within a session"
        return ""


def _about(rule: str, known: KnownFinding) -> tuple[object, ...]:
    return rule, tuple(map(family_of, known.streams)), known.group


def _has_more_names(scope: Scope, was: Was | None) -> bool:
    return was is not None and was.unnamed is not None and sum(scope.unnamed.values()) > was.unnamed


def _rule(known: KnownFinding, scope: Scope) -> str:
    rule = known.rule_id
    if rule.startswith(_OF_SESSION):
        phase = _PHASES.get(rule)
        return "" if phase in scope.phases else f"the later session had no finished {phase or 'such phase'}"
    if rule not in scope.rules:
        return "the later version has no such rule"
    if rule in scope.broken_rules:
        return "its rule failed in the later session"
    if rule in scope.capped_rules:
        return "its rule found more in the later session than is told"
    needed = _ALL if rule == cross_agent.RULE.id else (known.agent,)
    missing = [agent for agent in needed if agent not in scope.agents]
    return f"{missing[0]} did not finish in the later session" if missing else ""


def _often_enough(known: KnownFinding, scope: Scope) -> str:
    if scope.polls is None or known.polls <= scope.polls:
        return ""
    return f"its rule needs {known.polls} polls in a row, the later session made {scope.polls}"


def _long_enough(known: KnownFinding, watched_ms: int) -> str:
    """What a session saw only late in its window, a shorter one had no time to see."""
    if known.seen_after_ms <= watched_ms:
        return ""
    after, watched = (format_duration(round(ms / 1000)) for ms in (known.seen_after_ms, watched_ms))
    return f"it was first seen after {after}, the later session watched for {watched}"
