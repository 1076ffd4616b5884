"""As many findings as wanted, in the shapes that rules give them: troubles with a root and its effects, and lone ones.

Of twenty findings sixteen belong to one trouble of one group and its neighbours, four stand alone. Made from a number
only, so every run measures the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tools.clock import iso
from tools.findings.model import FINDING, AgentId, Finding
from tools.sources.records import CodeIndex, CodeKind, CodeUse, Resolved
from tools.synthesis.session_data import SessionData

START_MS = 1_750_000_000_000
EACH = 20
"""Findings of one trouble and the lone ones beside it."""
STREAMS_EACH = 10
"""Streams that one service reads, each with a trouble of its own: a larger session is one of a larger system."""
PARTS = 10
"""Services that write to each other, in a ring."""

_TROUBLE: tuple[tuple[str, str], ...] = (
    ("stream", "DEAD_CONSUMER"),
    ("stream", "CONSUMER_LAG"),
    ("stream", "STREAM_GROWING"),
    ("stream", "STUCK_MESSAGE"),
    ("stream", "MISSING_ACK"),
    ("stream", "DELIVERY_FAILURE"),
    ("stream", "UNBOUNDED_STREAM"),
    ("stream", "SCHEMA_INCONSISTENCY"),
    ("log", "TIMEOUT"),
    ("log", "RETRY_STORM"),
    ("log", "BUG"),
    ("log", "CRASH"),
    ("config", "GROUP_NAME_MISMATCH"),
    ("config", "MISSING_ENV_VAR"),
    ("code", "code.xadd-no-maxlen"),
    ("code", "code.xreadgroup-no-ack"),
    ("log", "SECURITY"),
    ("log", "ANOMALY"),
    ("config", "DOC_DRIFT"),
    ("code", "code.console-logging"),
)


def session(count: int) -> SessionData:
    """A session that left `count` findings, with the code of its services."""
    found = tuple(findings(count))
    return SessionData(session_id="20250615-150640-0000", findings=found, index=_index(-(-count // EACH)))


def findings(count: int) -> Iterator[Finding]:
    """`count` findings with ids of their own."""
    for at in range(count):
        kind, category = _TROUBLE[at % EACH]
        yield FINDING.validate_python(_base(at, kind) | _MAKERS[kind](at // EACH, at, category))


def _names(trouble: int) -> tuple[str, str, str, str]:
    """Stream, group, the service that reads it and the one that waits for answers."""
    at = trouble // STREAMS_EACH
    neighbour = at + 1 if (at + 1) % PARTS else at + 1 - PARTS
    service = f"service-{at:04}"
    return f"stream-{trouble:05}", f"{service}-readers", service, f"service-{neighbour:04}"


def _index(troubles: int) -> CodeIndex:
    uses: list[CodeUse] = []
    for trouble in range(troubles):
        stream, group, reader, writer = _names(trouble)
        uses += [_use(CodeKind.XADD, writer, stream, None), _use(CodeKind.XREADGROUP, reader, stream, group)]
    services = tuple(f"service-{at:04}" for at in range(troubles // STREAMS_EACH + PARTS))
    return CodeIndex(uses=tuple(uses), facts=(), services=services, files_read=0, languages={"python": 1})


def _use(kind: CodeKind, service: str, stream: str, group: str | None) -> CodeUse:
    return CodeUse(
        kind=kind,
        service=service,
        path=f"{service}/main.py",
        line=1,
        end_line=1,
        text=f"redis.{kind.value}({stream!r})",
        language="python",
        stream=Resolved(value=stream, confidence="literal"),
        group=None if group is None else Resolved(value=group, confidence="literal"),
    )


_AGENTS = {
    "stream": AgentId.REDIS_STREAM_ANALYST,
    "log": AgentId.LOG_WATCHER,
    "config": AgentId.CONFIG_AUDITOR,
    "code": AgentId.ENHANCEMENT_SCOUT,
}


def _base(at: int, kind: str) -> dict[str, Any]:
    agent = _AGENTS[kind]
    return {
        "agent_id": agent,
        "finding_id": f"{agent.prefix}-{at + 1:03}",
        "timestamp": iso(START_MS + at % 600 * 1000),
        "last_seen": iso(START_MS + 600_000),
        "evidence_refs": [
            {
                "kind": "log",
                "source": f"logs/service-{at % EACH:04}.log",
                "locator": {"line": at + 1},
                "copy": {
                    "path": f"recording/evidence-{agent.slug}.jsonl",
                    "byte_offset": at,
                    "byte_length": 1,
                },
                "sha256": "0" * 64,
            }
        ],
        "recommendation": f"Mend number {at}.",
        "fingerprint": f"v1:{at:020x}",
    }


def _stream(trouble: int, at: int, category: str) -> dict[str, Any]:
    stream, group, *_ = _names(trouble)
    return {
        "title": f"{category} on {stream}",
        "category": category,
        "severity": "CRITICAL" if category == "CONSUMER_LAG" else "HIGH",
        "stream": stream,
        "consumer_group": None if category in {"UNBOUNDED_STREAM", "SCHEMA_INCONSISTENCY"} else group,
        "message_ids": [f"{START_MS + trouble}-0"] if category == "DELIVERY_FAILURE" else [],
        "rule_id": f"stream.{category.lower().replace('_', '-')}",
        "hypothesis": "One has amount where the other has total.",
        "evidence": f'{{"name":"{stream}","length":{at}}}',
    }


def _log(trouble: int, at: int, category: str) -> dict[str, Any]:
    stream, group, reader, waiting = _names(trouble)
    said = {
        "TIMEOUT": f"no answer from {group} on {stream} in 5 s, request {at:x}",
        "RETRY_STORM": f"retry {at} of a call to {reader}: ETIMEDOUT",
        "BUG": f"handling {START_MS + trouble}-0 failed: KeyError: 'amount'",
        "CRASH": f"connect ECONNREFUSED {reader}:8080",
    }
    own = category in {"BUG", "SECURITY"}
    return {
        "title": f"{category} number {at}",
        "category": category,
        "severity": "HIGH",
        "service": reader if own else waiting,
        "rule_id": f"log.{category.lower()}",
        "pattern": "one-off",
        "hypothesis": "",
        "correlation_id": f"c-{trouble}" if category in {"TIMEOUT", "BUG"} else None,
        "evidence": said.get(category, f"line {at} of something else that was said at length")
        + " and so on" * 20,
    }


def _config(trouble: int, at: int, category: str) -> dict[str, Any]:
    stream, group, reader, _ = _names(trouble)
    mismatch = category == "GROUP_NAME_MISMATCH"
    return {
        "title": f"{category} of {reader}",
        "category": category,
        "severity": "MEDIUM",
        "service": reader,
        "rule_id": f"config.{category.lower().replace('_', '-')}",
        "expected": f"group {group}",
        "actual": f"VARIABLE_{at} is not set",
        "affected_streams": [stream] if mismatch else [],
        "consumer_group": group if mismatch else None,
        "evidence": f"GROUP={group}",
    }


def _code(trouble: int, at: int, rule: str) -> dict[str, Any]:
    stream, group, reader, _ = _names(trouble)
    return {
        "title": f"Group {group!r} reads {stream!r}, place {at}",
        "category": "STREAM_ANTI_PATTERN",
        "priority": "P2_MEDIUM",
        "effort": "HOURS_2_4",
        "impact": "MEDIUM",
        "rule_id": rule,
        "affected_streams": [stream],
        "affected_services": [reader],
        "pattern": "one-off",
        "evidence": f"redis.xadd({stream!r}, fields)",
    }


_MAKERS = {"stream": _stream, "log": _log, "config": _config, "code": _code}
