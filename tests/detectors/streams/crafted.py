"""Polls made by hand: a short way to say what a server looked like, poll after poll."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from tools.detectors.contract import StreamView
from tools.detectors.ledger.book import LedgerBook
from tools.detectors.streams import DETECTORS
from tools.detectors.thresholds import Expectation, Judgement, Limits
from tools.findings.rule import Symptom
from tools.sources.records import (
    ClientState,
    CodeIndex,
    CodeKind,
    CodeUse,
    ConsumerInfo,
    EntryShape,
    GroupInfo,
    GroupState,
    Lag,
    PendingEntry,
    Poll,
    Resolved,
    ServerState,
    StreamInfo,
    StreamState,
)

START_MS = 1_750_000_000_000
STEP_MS = 15_000
VALKEY = ServerState(flavour="valkey", version="9.1.2", run_id="a")
REDIS_6 = ServerState(flavour="redis", version="6.2.14", run_id="a")


def at(number: int) -> int:
    return START_MS + number * STEP_MS


def consumer(
    name: str = "c1", idle_s: float = 0, inactive_s: float | None = 0, pending: int = 0
) -> ConsumerInfo:
    inactive = None if inactive_s is None else round(inactive_s * 1000)
    return ConsumerInfo(name=name, pending=pending, idle=round(idle_s * 1000), inactive=inactive)


def entry(
    number: int = 1, idle_s: float = 0, deliveries: int = 1, owner: str = "c1", *, gone: bool = False
) -> PendingEntry:
    return PendingEntry(
        id=f"{START_MS}-{number}", consumer=owner, idle=round(idle_s * 1000), deliveries=deliveries, gone=gone
    )


def group(
    name: str = "workers",
    *,
    lag: int | Lag | None = 0,
    time_lag_ms: int | None = 0,
    consumers: Sequence[ConsumerInfo] | None = (),
    registered: int | None = None,
    pending: Iterable[PendingEntry] = (),
    pending_count: int | None = None,
    delivered: str = "0-0",
) -> GroupState:
    entries = tuple(pending)
    seen = (consumer(),) if consumers == () and registered is None else consumers
    count = registered if registered is not None else len(seen or ())
    return GroupState(
        info=GroupInfo(
            name=name,
            consumers=count,
            pending=len(entries) if pending_count is None else pending_count,
            last_delivered_id=delivered,
        ),
        lag=Lag(messages=lag, source="counted") if isinstance(lag, int) else lag,
        time_lag_ms=time_lag_ms,
        consumers=None if seen is None else tuple(seen),
        pending=entries,
    )


def stream(
    name: str = "orders",
    length: int = 10,
    *groups: GroupState,
    added: int | None = None,
    first: str = "1-0",
    sample: Iterable[EntryShape] = (),
) -> StreamState:
    total = length if added is None else added
    return StreamState(
        name=name,
        info=StreamInfo(
            length=length,
            groups=len(groups),
            first_entry_id=first if length else None,
            last_entry_id=f"{START_MS}-{total}" if length else None,
            last_generated_id=f"{START_MS}-{total}",
            max_deleted_entry_id="0-0",
            entries_added=total,
        ),
        groups=groups,
        sample=tuple(sample),
    )


def shape(number: int, variant: int = 0, **fields: str) -> EntryShape:
    return EntryShape(id=f"{number}-0", fields=tuple(fields.items()), variant=variant)


def polls(
    *moments: StreamState | Sequence[StreamState],
    server: ServerState = VALKEY,
    clients: tuple[ClientState, ...] | None = (),
    calls: dict[str, int] | None = None,
    gap_at: int | None = None,
) -> tuple[Poll, ...]:
    """One poll a moment, numbered from 1, 15 s apart."""
    return tuple(
        Poll(
            number=number,
            at_ms=at(number),
            server=server,
            streams=(moment,) if isinstance(moment, StreamState) else tuple(moment),
            clients=clients,
            calls=calls or {},
            after_gap=number == gap_at,
        )
        for number, moment in enumerate(moments, 1)
    )


def blocked(name: str = "", idle_s: int = 0, command: str = "xreadgroup") -> ClientState:
    return ClientState(name=name, command=command, blocked=True, age_s=idle_s, idle_s=idle_s)


def use(
    kind: CodeKind, name: str | None, path: str = "shop/api.py", function: str = "", **options: str
) -> CodeUse:
    return CodeUse(
        kind=kind,
        service="shop",
        path=path,
        line=7,
        end_line=7,
        text=f"r.{kind}({name!r})",
        language="python",
        function=function,
        stream=Resolved(value=name, confidence="literal"),
        options=options,
    )


def index(*uses: CodeUse) -> CodeIndex:
    return CodeIndex(uses=uses, facts=(), services=("shop",), files_read=1, languages={"python": 1})


def view(
    history: tuple[Poll, ...],
    *,
    code: CodeIndex | None = None,
    baseline: Poll | None = None,
    expect: Sequence[Expectation] = (),
    limits: Limits | None = None,
) -> StreamView:
    """The view at the newest poll; unless given, the baseline is the first poll's streams as poll 0."""
    first = baseline or msgspec.structs.replace(history[0], number=0, at_ms=at(0))
    judgement = Judgement(expect=tuple(expect), limits=limits or Limits())
    book = LedgerBook([first, *history])
    return StreamView(polls=history, baseline=first, judgement=judgement, code=code, ledger=book)


def found(seen: StreamView, rule: str) -> list[Symptom]:
    """The symptoms of one rule."""
    return [
        symptom
        for detector in DETECTORS
        for symptom in detector.detect(seen)
        if symptom.rule.id == f"stream.{rule}"
    ]


def severities(seen: StreamView, rule: str) -> list[str]:
    """Their severities."""
    return [str(symptom.severity or symptom.rule.severity) for symptom in found(seen, rule)]
