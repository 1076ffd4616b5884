"""Clients ask for new entries again and again and get none: they read without BLOCK, or with one of a moment.

Each such read costs the server as much as one that gives something, and delays what comes by the pause between two. The
server counts reads and additions, and a read gives at least one entry of one stream to one group or it gives nothing;
so what cannot have given anything is known without seeing a single reply.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import msgspec

from tools.detectors.contract import LiveView
from tools.findings.model import AgentId, Effort, EvidenceKind, Impact, Locator, Priority, ScoutCategory
from tools.findings.rule import Quote, Rule, Symptom
from tools.sources.records import ClientState, CodeIndex, CodeKind, CodeUse, Poll

RULE = Rule(
    id="live.polling-reads",
    agent=AgentId.ENHANCEMENT_SCOUT,
    category=ScoutCategory.PERFORMANCE,
    condition="more than `polling_reads` (20) XREADGROUP and XREAD calls a second that can have given nothing, over a minute "
    "and 4 polls at least, while no client is blocked in a read, or ten times as many as those could need; P2 at ten "
    "times the limit",
    priority=Priority.P3_LOW,
    effort=Effort.HOURS_2_4,
    impact=Impact.LOW,
)
RULES: tuple[Rule, ...] = (RULE,)

_READS = ("xreadgroup", "xread")
_SPAN_MS = 60_000
_STEPS = 4
_BLOCKED_READS_PER_S = 20
"""What a client that blocks for 50 ms at a time sends; longer blocks send less."""
_CLEARLY = 10
_NAMES_SHOWN = 5


@dataclass(frozen=True, slots=True)
class _Tally:
    """Reads of a span of polls: all, and how many can have given something or waited."""

    seconds: float
    reads: int
    useful: int
    blocked: int
    clients: tuple[ClientState, ...]
    listed: Poll

    @property
    def idle_per_s(self) -> float:
        """Reads a second that can have given nothing, at least."""
        return max(self.reads - self._explained, 0) / self.seconds

    @property
    def clear(self) -> bool:
        """Whether the blocked readers leave no doubt."""
        return self.blocked == 0 or self.reads > _CLEARLY * self._explained

    @property
    def _explained(self) -> float:
        return self.useful + self.blocked * _BLOCKED_READS_PER_S * self.seconds


def detect(view: LiveView) -> Iterator[Symptom]:
    """One symptom for the server."""
    polls = _run(view.polls)
    tally = _tally(polls)
    limit = view.judgement.limits.polling_reads
    if tally is not None and tally.idle_per_s > limit and tally.clear:
        yield _symptom(view, polls, tally, limit)


def _run(polls: tuple[Poll, ...]) -> tuple[Poll, ...]:
    """The newest polls whose commands are known, and the one before them."""
    start = len(polls) - 1
    while start > 0 and not polls[start].after_gap and (polls[start].calls or polls[start].quiet):
        start -= 1
    return polls[max(start, 0) :]


def _tally(polls: tuple[Poll, ...]) -> _Tally | None:
    span_ms = polls[-1].at_ms - polls[0].at_ms if polls else 0
    listed = next((poll for poll in reversed(polls) if poll.clients is not None), None)
    if len(polls) <= _STEPS or span_ms < _SPAN_MS or listed is None:
        return None
    lists = [[c for c in poll.clients or () if c.command in _READS] for poll in polls]
    plain = max(sum(c.command == "xread" for c in found) for found in lists)
    added = sum(poll.calls.get("xadd", 0) for poll in polls[1:])
    return _Tally(
        seconds=span_ms / 1000,
        reads=sum(poll.calls.get(name, 0) for poll in polls[1:] for name in _READS),
        # Each entry goes to every group of its stream, and to every plain reader, in a read of its own.
        useful=added * max(_groups_max(polls) + plain, 1) + _waiting(polls[0]),
        blocked=max(sum(c.blocked for c in found) for found in lists),
        clients=tuple(c for c in listed.clients or () if c.command in _READS and not c.blocked),
        listed=listed,
    )


def _groups_max(polls: tuple[Poll, ...]) -> int:
    return max((len(state.groups) for poll in (polls[0], polls[-1]) for state in poll.streams), default=0)


def _waiting(poll: Poll) -> int:
    """Entries that waited at the start; each may have taken a read."""
    return sum(
        state.info.length if group.lag is None else max(group.lag.messages, group.lag.at_most or 0)
        for state in poll.streams
        for group in state.groups
    )


def _symptom(view: LiveView, polls: tuple[Poll, ...], tally: _Tally, limit: float) -> Symptom:
    busiest = max(polls[1:], key=lambda poll: sum(poll.calls.get(name, 0) for name in _READS))
    names = ", ".join(dict.fromkeys(map(_called, tally.clients[:_NAMES_SHOWN])))
    hint = f" CLIENT LIST hints at {names}, whose last command was a read." if names else ""
    places = _places(view.code)
    where = ", ".join(f"{use.path}:{use.line}" for use in places[:3])
    code = f" In the code these read without BLOCK: {where}." if where else ""
    heavy = tally.idle_per_s > 10 * limit
    return Symptom(
        rule=RULE,
        title=f"About {tally.idle_per_s:,.0f} stream reads a second get nothing and do not wait",
        entity=("polling-reads",),
        evidence=(
            _quote(busiest, busiest.calls),
            *(_quote(tally.listed, client) for client in tally.clients[:2]),
            *(use.quote() for use in places[:2]),
        ),
        recommendation=(
            "Read with BLOCK (XREADGROUP … BLOCK 5000 …): the server then answers when something comes, at once and for "
            f"nothing in between.{hint}{code}"
        ),
        priority=Priority.P2_MEDIUM if heavy else None,
        impact=Impact.MEDIUM if heavy else None,
        confidence=0.9 if tally.blocked == 0 else 0.7,
        position=(polls[-1].source, polls[-1].number),
        pattern=(
            f"{tally.reads:,} XREADGROUP and XREAD calls in {tally.seconds:.0f} s; at most {tally.useful:,} can have given an "
            f"entry, {tally.blocked} clients were blocked in a read"
        ),
        services=tuple(sorted({use.service for use in places if use.service})),
        files=tuple(f"{use.path}:{use.line}" for use in places),
    )


def _quote(poll: Poll, part: object) -> Quote:
    text = msgspec.json.encode(part).decode()
    return Quote(EvidenceKind.REDIS, poll.source, text, Locator(poll=poll.number))


def _called(client: ClientState) -> str:
    name = client.name or "a client without a name"
    return f"{name} ({client.library})" if client.library else name


def _places(index: CodeIndex | None) -> tuple[CodeUse, ...]:
    kinds = (CodeKind.XREADGROUP, CodeKind.XREAD)
    uses = () if index is None else index.uses
    return tuple(use for use in uses if use.kind in kinds and not {"block", "spread"} & set(use.options))
