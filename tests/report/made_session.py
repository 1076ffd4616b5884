"""A whole session's workspace, made through the real recorder, journals and recordings: a small web shop in trouble.

`billing` is overloaded, so `web` times out; one invoice is poison; `audit` is never acknowledged; `mail` reads with
a group name that the server does not have; nothing caps `orders`. Names and lines are hostile where asked.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from msgspec import structs

from tests.fakes.clock import ManualClock
from tools import masking
from tools.findings.journal import Journal
from tools.findings.model import (
    AgentId,
    ConfigCategory,
    Effort,
    Impact,
    LogCategory,
    Priority,
    ScoutCategory,
    Severity,
    StreamCategory,
    StreamMetrics,
)
from tools.findings.recorder import Recorder, load
from tools.findings.rule import Rule, Symptom
from tools.sources import session_facts
from tools.sources.code.index import write_index
from tools.sources.entry_samples import EntrySample, LeftOut, SampleJournal
from tools.sources.recording import Recording
from tools.sources.records import (
    CodeIndex,
    CodeKind,
    CodeUse,
    EntryShape,
    Gap,
    GroupInfo,
    GroupState,
    Lag,
    LogLine,
    PendingEntry,
    Poll,
    PollCost,
    Resolved,
    ServerState,
    StreamInfo,
    StreamState,
)
from tools.sources.redis.polls import PollJournal, write_baseline
from tools.sources.session_facts import AgentRun, SessionFacts
from tools.synthesis import cross_agent
from tools.workspace import Workspace

START_MS = 1_750_000_000_000
POISON = "1750000001000-0"
ORDER = "1750000000990-0"
"""Of `orders`, with the correlation id c-1."""
SESSION_ID = "20250615_150640"
POLLS = 40

ORDERS_CODE = 'import redis\n\n\ndef place(client: redis.Redis, order: dict) -> None:\n    client.xadd("orders", order)\n'
AUDIT_CODE = 'import redis\n\n\ndef watch(client: redis.Redis) -> None:\n    client.xreadgroup("auditors", "a-1", {"audit": ">"})\n'


@dataclass(frozen=True)
class Made:
    """The workspace, the audited project and the clock at the session's end."""

    workspace: Workspace
    project: Path
    clock: ManualClock


def make(folder: Path, hostile: str = "") -> Made:
    """A finished session below `folder`; `hostile` is added to names and lines of the audited system."""
    workspace, project = Workspace(folder / "monitor-session"), folder / "shop"
    workspace.create()
    workspace.write_text(workspace.session_id_file, SESSION_ID + "\n")
    _write_facts(workspace, project)
    lines = _write_logs(project, hostile)
    index = _write_code(workspace, project)
    hostile = masking.mask(hostile)  # names and lines in records are masked by their sources
    polls = _write_polls(workspace, hostile)
    _write_samples(workspace, hostile)
    record_lines(workspace, lines)
    with Journal(workspace.gaps) as gaps:
        gaps.append(
            Gap(
                what="log of search" + hostile,
                why="no such file",
                fix="Set [[logs.sources]] path.",
                source="logs",
                at_ms=START_MS,
            )
        )
        gaps.append(Gap(what="a stream name in mail/main.py:9", why="built at run time", fix="Name it in a constant.", source="code", at_ms=START_MS, blind=False))  # fmt: skip
    with Journal(workspace.events) as events:
        events.append({"type": "session.started", "at": "2025-06-15T15:06:40.000Z"})
    _record_findings(workspace, index, polls, lines, hostile)
    return Made(workspace, project, ManualClock(START_MS + 610_000))


def _write_facts(workspace: Workspace, project: Path) -> None:
    session_facts.write(
        workspace,
        SessionFacts(
            session_id=SESSION_ID,
            version="0.1.0",
            mode="attach",
            project_root=str(project),
            redis="redis://127.0.0.1:6379/0",
            started_ms=START_MS,
            deadline_ms=START_MS + 600_000,
            ended_ms=START_MS + 600_000,
            ended_by="deadline",
            services=("audit", "billing", "mail", "search", "web"),
            agents=(
                AgentRun(agent="log-watcher", attempts=2, finished=True, reasons=("no heartbeat for 3 min",)),
            ),
        ),
    )


def _write_logs(project: Path, hostile: str) -> list[LogLine]:
    said = {
        "web": [
            '{"timestamp":"2025-06-15T15:06:41.000Z","level":"INFO","service":"web","message":"order published","correlationId":"c-1"}',
            '{"timestamp":"2025-06-15T15:06:51.000Z","level":"ERROR","service":"web","message":"ETIMEDOUT waiting for billing","correlationId":"c-2"}',
            '{"timestamp":"2025-06-15T15:06:52.000Z","level":"INFO","service":"web","message":"order published","correlationId":"c-3"}',
        ],
        "billing": [
            "2025-06-15T15:06:45.000Z INFO consumed order correlationId=c-1",
            "2025-06-15T15:06:46.000Z INFO acknowledged order correlationId=c-1",
            f"2025-06-15T15:06:47.000Z ERROR handling {POISON} failed: KeyError 'amount'{hostile}",
        ],
        "mail": ["2025-06-15T15:06:48.000Z ERROR NOGROUP No such consumer group 'mailer' for key 'invoices'"],
    }
    (project / "logs").mkdir(parents=True)
    lines: list[LogLine] = []
    for service, texts in said.items():
        path = project / "logs" / f"{service}.log"
        path.write_text("\n".join(texts) + "\n", encoding="utf-8")
        offset = 0
        for number, text in enumerate(texts, start=1):
            size = len(text.encode())
            lines.append(
                LogLine(
                    service=service,
                    text=text,
                    source=str(path),
                    line=number,
                    byte_offset=offset,
                    byte_length=size,
                    arrived_ms=START_MS + number * 1000,
                    level="ERROR" if "ERROR" in text else "INFO",
                    correlation_id=f"c-{text.split('c-')[1][0]}" if "c-" in text else None,
                )
            )
            offset += size + 1
    return lines


def _write_code(workspace: Workspace, project: Path) -> CodeIndex:
    for service, code in (("web", ORDERS_CODE), ("audit", AUDIT_CODE)):
        (project / service).mkdir()
        (project / service / "main.py").write_text(code, encoding="utf-8")
    uses = (
        _use(CodeKind.XADD, "web", "orders", 'client.xadd("orders", order)', fields=("id", "total")),
        _use(CodeKind.XREADGROUP, "billing", "orders", "client.xreadgroup(...)", "billing"),
        _use(CodeKind.XADD, "billing", "invoices", "client.xadd(...)", fields=("id",)),
        _use(CodeKind.XREADGROUP, "mail", "invoices", "client.xreadgroup(...)", "mailer"),
        _use(
            CodeKind.XREADGROUP,
            "audit",
            "audit",
            'client.xreadgroup("auditors", "a-1", {"audit": ">"})',
            "auditors",
        ),
    )
    services = ("audit", "billing", "mail", "web")
    index = CodeIndex(uses=uses, facts=(), services=services, files_read=12, languages={"python": 12})
    write_index(workspace.code_index, index)
    return index


def _use(
    kind: CodeKind,
    service: str,
    stream: str,
    text: str,
    group: str | None = None,
    *,
    fields: tuple[str, ...] = (),
) -> CodeUse:
    return CodeUse(
        kind=kind,
        service=service,
        path=f"{service}/main.py",
        line=5,
        end_line=5,
        text=text,
        language="python",
        stream=Resolved(value=stream, confidence="literal"),
        group=None if group is None else Resolved(value=group, confidence="literal"),
        fields=fields,
    )


def _write_polls(workspace: Workspace, hostile: str) -> list[Poll]:
    polls = [_poll(number, hostile) for number in range(POLLS + 1)]
    write_baseline(workspace.path("streams", "baseline.json"), polls[0])
    with PollJournal(workspace.polls) as journal:
        for poll in polls:
            journal.append(poll)
    return polls


def _write_samples(workspace: Workspace, hostile: str) -> None:
    journal = SampleJournal(workspace.path("streams", "samples.jsonl"))
    entries = [
        EntrySample(stream="orders", id=ORDER, correlation_id="c-1", fields=("id", "total")),
        EntrySample(
            stream="telemetry" + hostile, id=ORDER, correlation_id="t-1" + hostile, fields=("x" + hostile,)
        ),
    ]
    journal.append(0, [*entries, LeftOut(stream="orders", after=ORDER, to="1750000600000-0", entries=12)])
    journal.close()


def _poll(number: int, hostile: str) -> Poll:
    poison = PendingEntry(id=POISON, consumer="b-1", idle=number * 1000, deliveries=number)
    return Poll(
        number=number,
        at_ms=START_MS + number * 15_000,
        server=ServerState(flavour="valkey", version="9.1.0"),
        cost=PollCost(server_us=420, round_trips=6, wall_ms=3.2),
        streams=(
            _stream("audit", 900, "auditors", 0, 20 * number),
            _stream("invoices", 40, "mailers", 40, 1, poison),
            _stream("orders", 100 + 30 * number, "billing", 25 * number, 3),
            _stream("telemetry" + hostile, 5, "stats", 0, 0),
        ),
    )


def poll_after(hostile: str, *names: str) -> Poll:
    """One more poll after those of the session, with streams of these names beside its own."""
    poll = _poll(POLLS + 1, hostile)
    more = tuple(_stream(name, 5, "stats", 0, 0) for name in names)
    streams = tuple(sorted((*poll.streams, *more), key=lambda state: state.name))
    return structs.replace(poll, streams=streams)


def _stream(
    name: str, length: int, group: str, lag: int, pending: int, *entries: PendingEntry
) -> StreamState:
    info = GroupInfo(name=group, consumers=1, pending=pending, last_delivered_id="1750000002000-0")
    shape = EntryShape(id="1750000002000-0", fields=(("id", "text"), ("total", "float")))
    return StreamState(
        name=name,
        info=StreamInfo(
            length=length, groups=1, first_entry_id="1750000000000-0", last_generated_id="1750000600000-0"
        ),
        groups=(GroupState(info=info, lag=Lag(messages=lag, source="counted"), pending=entries),),
        sample=(shape,),
    )


def record_lines(workspace: Workspace, lines: list[LogLine]) -> None:
    """Lines as the Log Watcher records them."""
    recording = Recording(workspace.path("recording", "log-watcher.jsonl.gz"))
    for line in lines:
        recording.add("line", line)
    recording.add("tick", {"at_ms": START_MS})
    recording.flush()


def _record_findings(
    workspace: Workspace, index: CodeIndex, polls: list[Poll], lines: list[LogLine], hostile: str
) -> None:
    everything: dict[AgentId, list[Symptom]] = {
        AgentId.LOG_WATCHER: list(_log_symptoms(lines, hostile)),
        AgentId.REDIS_STREAM_ANALYST: list(_stream_symptoms(polls[-1], hostile)),
        AgentId.CONFIG_AUDITOR: [_mismatch(index)],
        AgentId.ENHANCEMENT_SCOUT: list(_code_symptoms(index)),
    }
    for agent, symptoms in everything.items():
        record(workspace, agent, symptoms)
    findings = [finding for agent in AgentId for finding in load(workspace.findings(agent))]
    record(
        workspace, AgentId.ENHANCEMENT_SCOUT, list(cross_agent.symptoms(findings, START_MS + 590_000, index))
    )


def record(workspace: Workspace, agent: AgentId, symptoms: list[Symptom]) -> None:
    """Record symptoms as the agent's first attempt would; none may be refused."""
    (workspace.agent_dir(agent) / "attempt").write_text("1", encoding="ascii")
    refused: list[str] = []
    recorder = Recorder(workspace, agent, 1, lambda rule, reason: refused.append(f"{rule}: {reason}"))
    for symptom in symptoms:
        recorder.record(symptom, START_MS + 595_000)
    recorder.flush()
    recorder.close()
    assert refused == []


def _log_symptoms(lines: list[LogLine], hostile: str) -> Iterator[Symptom]:
    timed_out, poison, refused = lines[1], lines[5], lines[6]
    timeout = Rule(
        "log.timeout", AgentId.LOG_WATCHER, LogCategory.TIMEOUT, "a time-out", severity=Severity.HIGH
    )
    bug = Rule("log.error", AgentId.LOG_WATCHER, LogCategory.BUG, "an error", severity=Severity.HIGH)
    yield Symptom(
        rule=timeout,
        title="web: ETIMEDOUT waiting for billing",
        entity=("web", "ETIMEDOUT"),
        evidence=(timed_out.quote(),),
        recommendation="Look at who should have answered before raising the time-out.",
        service="web",
        correlation_id="c-2",
        pattern="12 in 10 min",
        count=12,
    )
    yield Symptom(
        rule=bug,
        title=f"billing: handling a message fails with KeyError{hostile}",
        entity=("billing", "KeyError"),
        evidence=(poison.quote(),),
        recommendation="Handle a missing 'amount' in billing.",
        service="billing",
        stream_id=POISON,
    )
    yield Symptom(rule=bug, title="mail: NOGROUP No such consumer group", entity=("mail", "NOGROUP"), evidence=(refused.quote(),), recommendation="Create the group that mail reads with.", service="mail")  # fmt: skip


def _stream_symptoms(poll: Poll, hostile: str) -> Iterator[Symptom]:
    def made(  # noqa: PLR0917 - a row of a table
        category: StreamCategory,
        stream: str,
        severity: Severity,
        title: str,
        do: str,
        group: str | None = None,
        **more: Any,
    ) -> Symptom:
        rule = Rule(
            f"stream.{category.value.lower().replace('_', '-')}",
            AgentId.REDIS_STREAM_ANALYST,
            category,
            "measured",
            severity=severity,
        )
        state = poll.stream(stream)
        assert state is not None
        plain = Symptom(
            rule=rule,
            title=title,
            entity=(stream, group or ""),
            evidence=(state.quote(poll.number, poll.source),),
            recommendation=do,
            stream=stream,
            consumer_group=group,
            hypothesis="Measured at every poll.",
        )
        return replace(plain, **more)

    lagging = StreamMetrics(stream_len=1300, consumer_lag_messages=1000, lag_source="counted")
    yield made(
        StreamCategory.CONSUMER_LAG,
        "orders",
        Severity.CRITICAL,
        "Group billing of orders is 1,000 messages behind",
        "Add consumers to group billing, or make billing handle orders in batches.",
        "billing",
        metrics=lagging,
    )
    yield made(
        StreamCategory.STREAM_GROWING,
        "orders",
        Severity.HIGH,
        "orders grew on 40 polls in a row",
        "See the lag of its group first.",
    )
    yield made(
        StreamCategory.UNBOUNDED_STREAM,
        "orders",
        Severity.MEDIUM,
        "Nothing trims orders",
        "Add MAXLEN ~ 100000 to its XADD.",
    )
    yield made(
        StreamCategory.DELIVERY_FAILURE,
        "invoices",
        Severity.HIGH,
        "A message of invoices was delivered 40 times",
        "Move it to a dead-letter stream after 3 deliveries.",
        "mailers",
        message_ids=(POISON,),
    )
    yield made(
        StreamCategory.MISSING_ACK,
        "audit",
        Severity.HIGH,
        "Group auditors never acknowledges",
        "XACK in audit/main.py after handling.",
        "auditors",
    )
    yield made(
        StreamCategory.STUCK_MESSAGE,
        "audit",
        Severity.HIGH,
        "Messages of auditors pend for minutes",
        "Acknowledge them.",
        "auditors",
    )
    yield made(StreamCategory.COMPETING_CONSUMERS, "telemetry" + hostile, Severity.INFO, f"Two consumers share stats{hostile}", "Nothing to do.", "stats")  # fmt: skip


def _mismatch(index: CodeIndex) -> Symptom:
    rule = Rule(
        "config.group-name",
        AgentId.CONFIG_AUDITOR,
        ConfigCategory.GROUP_NAME_MISMATCH,
        "names differ",
        severity=Severity.CRITICAL,
    )
    return Symptom(rule=rule, title="mail reads invoices as group mailer, the server has mailers", entity=("mail", "mailer"), evidence=(index.uses[0].quote(),), recommendation="Rename the group in mail/main.py:5 to mailers.", service="mail", streams=("invoices",), consumer_group="mailer", files=("mail/main.py",), expected="group mailers (server)", actual="group mailer (mail/main.py:5)")  # fmt: skip


def _code_symptoms(index: CodeIndex) -> Iterator[Symptom]:
    def rule(name: str) -> Rule:
        return Rule(
            name,
            AgentId.ENHANCEMENT_SCOUT,
            ScoutCategory.STREAM_ANTI_PATTERN,
            "in code",
            priority=Priority.P2_MEDIUM,
            effort=Effort.HOURS_2_4,
            impact=Impact.MEDIUM,
        )

    orders, audit = index.uses[0], index.uses[4]
    yield Symptom(
        rule=rule("code.xadd-no-maxlen"),
        title="XADD to orders without MAXLEN",
        entity=("orders",),
        location=orders.path,
        evidence=(orders.quote(),),
        recommendation="Cap it in web/main.py:5.",
        services=("web",),
        streams=("orders",),
        files=(orders.path,),
        snippet_before=orders.text,
        snippet_after='client.xadd("orders", order, maxlen=100_000, approximate=True)',
    )
    yield Symptom(rule=rule("code.xreadgroup-no-ack"), title="Group 'auditors' reads 'audit' and nothing acknowledges it", entity=("audit",), location=audit.path, evidence=(audit.quote(),), recommendation="XACK after handling, in audit/main.py:5.", services=("audit",), streams=("audit",), files=(audit.path,), snippet_after='client.xack("audit", "auditors", message_id)')  # fmt: skip
