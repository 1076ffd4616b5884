"""A token, password, key or credential URL in plain text in a service's output.

Logs are copied to places that nobody guards. The value is masked everywhere we write; only its kind, what may be
known of it (a provider's fixed prefix, about how long it is, a JWT's algorithm and expiry) and a keyed fingerprint
remain.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from tools import masking
from tools.detectors.contract import LogView
from tools.findings.model import AgentId, LogCategory, Severity
from tools.findings.rule import Rule, Symptom
from tools.sources.records import LogLine

RULE = Rule(
    id="log.secret",
    agent=AgentId.LOG_WATCHER,
    category=LogCategory.SECURITY,
    severity=Severity.CRITICAL,
    condition="A secret in plain text in a log line; one finding per service and kind of secret.",
)
RULES: tuple[Rule, ...] = (RULE,)

_SHOWN = 4000
"""Characters of a line that are quoted."""
_KEPT_BY = {
    "docker": "docker's log of",
    "journald": "the journal of",
    "kubectl": "the log that kubectl reads of",
}
_DAY_S = 86_400


def detect(view: LogView) -> Iterator[Symptom]:
    """One symptom per line and kind of secret in it."""
    for line in view.secrets:
        for kind in dict.fromkeys(kind for kind, _ in line.secrets):
            prints = {mark for name, mark in line.secrets if name == kind and mark}
            same = f" (fingerprint {', '.join(sorted(prints))})" if prints else ""
            marks = [mark for mark in masking.read_marks(line.text) if mark.kind == kind]
            yield Symptom(
                rule=RULE,
                title=f"{line.service} logs a secret in plain text: {kind}",
                entity=(line.service, kind),
                evidence=(line.quote(_around(line.text, marks[0].start if marks else 0)),),
                recommendation=(
                    f"Remove this {kind}{same} from the log call in {line.service} that wrote the quoted line, redact the field in its logger, "
                    "and rotate it once that runs: the same call would print the new one. "
                    f"{_where(line)}"
                ),
                service=line.service,
                position=(line.source, line.position),
                event_ms=line.event_ms,
                hypothesis=f"{line.service} logs an object or address whole, with the {kind} in it.{_told(marks, line)}",
                correlation_id=line.correlation_id,
            )


def _around(text: str, start: int) -> str:
    """The beginning of the line, or what surrounds the mark where that lies further on."""
    line = " ".join(text.split()) if start < _SHOWN // 2 else text[start - _SHOWN // 2 :]
    return line if len(line) <= _SHOWN else line[: _SHOWN - 1] + "…"


def _where(line: LogLine) -> str:
    """Where the value itself still lies."""
    if line.origin_offset is not None or line.output != "file":
        return f"No file of this session holds the value; whatever else collects the output of {line.service} does."
    keeper, colon, name = line.source.partition(":")
    if colon and keeper in _KEPT_BY:
        return f"The value still lies in {_KEPT_BY[keeper]} {name}, and wherever that is shipped to."
    return f"The value still lies in {line.source}, in its rotated copies, and wherever they are shipped to."


def _told(marks: list[masking.SecretMark], line: LogLine) -> str:
    hints = dict.fromkeys(mark.hint for mark in marks if mark.hint)
    if not hints:
        return ""
    if marks[0].kind == "jwt":
        return "".join(f" {_of_jwt(hint, line.when_ms)}" for hint in hints)
    lengths = [hint.removeprefix("len") for hint in hints if hint.startswith("len")]
    prefixes = [hint for hint in hints if not hint.startswith("len")]
    told = f" It begins with {', '.join(prefixes)}." if prefixes else ""
    return told + (f" It is {' or '.join(lengths)} characters long." if lengths else "")


def _of_jwt(hint: str, when_ms: int | None) -> str:
    """`HS256-exp1750000000` in words: what signs it, and whether it could still be used when it was logged."""
    algorithm, dash, expires = hint.rpartition("-exp")
    if not (dash and expires.isdecimal()):  # also of a mark that the service printed itself
        return f"It is signed with {hint} and does not say when it expires."
    at_s = int(expires)
    signed = "It is not signed" if algorithm.lower() == "none" else f"It is signed with {algorithm}"
    when = datetime.fromtimestamp(at_s, UTC).strftime("%Y-%m-%d %H:%M UTC") if at_s < 10**10 else f"at {at_s}"
    if when_ms is None:
        return f"{signed} and expires {when}."
    past_s = when_ms // 1000 - at_s
    if past_s >= 0:
        ago = f"{past_s // _DAY_S} d" if past_s >= 2 * _DAY_S else f"{past_s} s"
        return f"{signed} and had expired {ago} before it was logged ({when})."
    return f"{signed} and was valid when it was logged (until {when})."
