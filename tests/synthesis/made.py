"""Findings and records made by hand, with only what a test is about given."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from tools.clock import iso
from tools.findings.model import (
    FINDING,
    AgentId,
    ConfigFinding,
    Enhancement,
    Finding,
    LogFinding,
    StreamFinding,
)
from tools.sources.records import CodeIndex, CodeKind, CodeUse, ConfigFact, FactKind, LogLine, Resolved

START_MS = 1_750_000_000_000


def _base(agent: AgentId, number: int, seen_s: float, last_s: float | None, evidence: str) -> dict[str, Any]:
    return {
        "agent_id": agent,
        "finding_id": f"{agent.prefix}-{number:03d}",
        "timestamp": iso(START_MS + round(seen_s * 1000)),
        "last_seen": iso(START_MS + round((seen_s if last_s is None else last_s) * 1000)),
        "evidence": evidence,
        "evidence_refs": [
            {
                "kind": "log",
                "source": "logs/a.log",
                "locator": {"line": number},
                "copy": {"path": "recording/evidence.jsonl", "byte_offset": 0, "byte_length": 1},
                "sha256": "0" * 64,
            }
        ],
        "recommendation": f"Mend {agent.prefix}-{number:03d}.",
        "fingerprint": f"v1:{list(AgentId).index(agent):08x}{number:012x}",
    }


def stream_finding(
    number: int,
    category: str,
    stream: str = "orders",
    *,
    seen_s: float = 0,
    last_s: float | None = 600,
    evidence: str = '{"name":"orders"}',
    **fields: Any,
) -> StreamFinding:
    base = _base(AgentId.REDIS_STREAM_ANALYST, number, seen_s, last_s, evidence)
    base |= {
        "title": f"{category} on {stream}",
        "category": category,
        "severity": "HIGH",
        "stream": stream,
        "rule_id": f"stream.{category.lower().replace('_', '-')}",
        "hypothesis": "",
    }
    made = FINDING.validate_python(base | fields)
    assert isinstance(made, StreamFinding)
    return made


def log_finding(
    number: int,
    category: str,
    service: str = "billing",
    *,
    seen_s: float = 0,
    last_s: float | None = 600,
    evidence: str = "it failed",
    **fields: Any,
) -> LogFinding:
    base = _base(AgentId.LOG_WATCHER, number, seen_s, last_s, evidence)
    base |= {
        "title": f"{category} of {service}",
        "category": category,
        "severity": "HIGH",
        "service": service,
        "rule_id": f"log.{category.lower()}",
        "pattern": "one-off",
        "hypothesis": "",
    }
    made = FINDING.validate_python(base | fields)
    assert isinstance(made, LogFinding)
    return made


def config_finding(number: int, category: str, service: str = "billing", **fields: Any) -> ConfigFinding:
    base = _base(AgentId.CONFIG_AUDITOR, number, 0, 600, "group: billing")
    base |= {
        "title": f"{category} in {service}",
        "category": category,
        "severity": "CRITICAL",
        "service": service,
        "rule_id": f"config.{category.lower()}",
        "expected": "one",
        "actual": "another",
    }
    made = FINDING.validate_python(base | fields)
    assert isinstance(made, ConfigFinding)
    return made


def code_finding(number: int, rule_id: str, *streams: str, **fields: Any) -> Enhancement:
    base = _base(AgentId.ENHANCEMENT_SCOUT, number, 0, 600, "redis.xadd(name, fields)")
    base |= {
        "title": f"{rule_id} at work",
        "category": "STREAM_ANTI_PATTERN",
        "priority": "P2_MEDIUM",
        "effort": "HOURS_2_4",
        "impact": "MEDIUM",
        "rule_id": rule_id,
        "affected_streams": streams,
        "pattern": "one-off",
    }
    made = FINDING.validate_python(base | fields)
    assert isinstance(made, Enhancement)
    return made


def use(kind: CodeKind, service: str, stream: str, group: str | None = None, line: int = 1) -> CodeUse:
    return CodeUse(
        kind=kind,
        service=service,
        path=f"{service}/main.py",
        line=line,
        end_line=line,
        text=f"redis.{kind.value}({stream!r})",
        language="python",
        stream=Resolved(value=stream, confidence="literal"),
        group=None if group is None else Resolved(value=group, confidence="literal"),
    )


def index(*uses: CodeUse) -> CodeIndex:
    services = tuple(sorted({found.service for found in uses if found.service}))
    return CodeIndex(
        uses=uses, facts=(), services=services, files_read=len(uses), languages={"python": len(uses)}
    )


def shop() -> CodeIndex:
    """web → orders → billing → invoices → mail; billing listens on 3003."""
    made = index(
        use(CodeKind.XADD, "web", "orders"),
        use(CodeKind.XREADGROUP, "billing", "orders", "billing"),
        use(CodeKind.XADD, "billing", "invoices"),
        use(CodeKind.XREADGROUP, "mail", "invoices", "mailers"),
    )
    return replace(made, facts=(listens("billing", "3003"),))


def listens(service: str, port: str) -> ConfigFact:
    """A server that the service's code starts."""
    return ConfigFact(
        kind=FactKind.LISTENS,
        name=port,
        value=port,
        path=f"{service}/main.py",
        line=1,
        service=service,
        text=f"listen({port})",
    )


def line(
    text: str,
    service: str = "web",
    at_s: float = 0,
    number: int = 1,
    correlation_id: str | None = None,
    *,
    message: str | None = None,
) -> LogLine:
    return LogLine(
        service=service,
        text=text,
        source=f"logs/{service}.log",
        line=number,
        byte_offset=0,
        byte_length=len(text),
        arrived_ms=START_MS + round(at_s * 1000),
        correlation_id=correlation_id,
        message=message,
    )


def ids(findings: list[Finding]) -> list[str]:
    return [finding.finding_id for finding in findings]
