"""A token, password, key or credential URL in plain text in a service's output.

Logs are copied to places that nobody guards. The value is masked everywhere we write; only its kind and a keyed
fingerprint remain.
"""

from __future__ import annotations

from collections.abc import Iterator

from tools.detectors.contract import LogView
from tools.detectors.logs.frequency import shortened
from tools.findings.model import AgentId, LogCategory, Severity
from tools.findings.rule import Rule, Symptom

RULE = Rule(
    id="log.secret",
    agent=AgentId.LOG_WATCHER,
    category=LogCategory.SECURITY,
    severity=Severity.CRITICAL,
    condition="A secret in plain text in a log line; one finding per service and kind of secret.",
)
RULES: tuple[Rule, ...] = (RULE,)


def detect(view: LogView) -> Iterator[Symptom]:
    """One symptom per line and kind of secret in it."""
    for line in view.secrets:
        for kind in dict.fromkeys(kind for kind, _ in line.secrets):
            prints = {mark for name, mark in line.secrets if name == kind and mark}
            same = f" (fingerprint {', '.join(sorted(prints))})" if prints else ""
            yield Symptom(
                rule=RULE,
                title=f"{line.service} logs a secret in plain text: {kind}",
                entity=(line.service, kind),
                evidence=(line.quote(shortened(line.text, 4000)),),
                recommendation=(
                    f"Rotate this {kind}{same}, remove it from the log call in {line.service}, and redact the field in its logger."
                ),
                service=line.service,
                position=(line.source, line.position),
                event_ms=line.event_ms,
                hypothesis=f"{line.service} logs an object or address whole, with the {kind} in it.",
                correlation_id=line.correlation_id,
            )
