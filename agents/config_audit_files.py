"""The Config Auditor's files for people and scripts: groups on the server, the environment, and what drifts."""

from __future__ import annotations

from collections.abc import Iterable

from tools.detectors.code import known
from tools.detectors.config.environment import variables
from tools.findings.model import ConfigFinding, Finding
from tools.sources.records import CodeIndex, CodeKind, FactKind, Poll, plain_name
from tools.workspace import Workspace


def write_groups(workspace: Workspace, poll: Poll) -> None:
    """`redis_group_names.txt` (a name a line) and `runtime_groups.txt` (stream, group, consumers, pending)."""
    names = sorted({group.info.name for stream in poll.streams for group in stream.groups})
    _write(workspace, "redis_group_names.txt", names)
    lines = [
        f"{stream.name}\t{group.info.name}\tconsumers={group.info.consumers}\tpending={group.info.pending}"
        for stream in poll.streams
        for group in stream.groups
    ]
    _write(workspace, "runtime_groups.txt", lines)


def write_environment(workspace: Workspace, index: CodeIndex) -> None:
    """`env_audit.txt`: each variable of each service, whether it is set, and where it is read and declared."""
    lines: list[str] = []
    for variable in variables(index, "config.missing-env-var"):
        need = "required" if variable.required else "optional"
        state = "set" if variable.is_set else "declared" if variable.facts else "MISSING"
        if state == "MISSING" and not variable.required:
            state = "default"
        read, where = variable.reads[0], ", ".join(dict.fromkeys(fact.path for fact in variable.facts))
        service = variable.service or "shared"
        lines.append(f"{service}\t{variable.name}\t{need}\t{state}\t{read.path}:{read.line}\t{where or '-'}")
    _write(workspace, "env_audit.txt", lines)


def write_drift(
    workspace: Workspace, index: CodeIndex, poll: Poll | None, findings: Iterable[Finding]
) -> None:
    """`drift_analysis.txt`: every stream and group as code, documents and server know it, then the findings."""
    code = _code_names(index)
    documents = {
        (fact.name, "") if fact.kind is FactKind.STREAM else (fact.value or "?", fact.name)
        for fact in index.facts
        if fact.kind in {FactKind.STREAM, FactKind.GROUP}
    }
    live = {
        (s.name, name)
        for s in (poll.streams if poll else ())
        for name in ("", *(g.info.name for g in s.groups))
    }
    lines = ["stream\tgroup\tcode\tdocuments\tserver"]
    for stream, group in sorted(code | documents | live):
        marks = [_mark((plain_name(stream), group) in names) for names in (code, documents)]
        marks.append(_mark((stream, group) in live) if poll is not None else "not looked at")
        lines.append("\t".join((stream, group or "-", *marks)))
    lines += ["", "findings"]
    lines += [
        f"{finding.finding_id}\t{finding.severity}\t{finding.category}\t{finding.title}"
        for finding in findings
        if isinstance(finding, ConfigFinding)
    ]
    _write(workspace, "drift_analysis.txt", lines)


def _code_names(index: CodeIndex) -> set[tuple[str, str]]:
    found: set[tuple[str, str]] = set()
    for use in index.uses:
        stream = known.value(use.stream)
        if stream is not None:
            found.add((stream, ""))
            group = known.value(use.group)
            if group is not None and use.kind in {CodeKind.XREADGROUP, CodeKind.XGROUP_CREATE}:
                found.add((stream, group))
    return found


def _mark(there: bool) -> str:
    return "yes" if there else "no"


def _write(workspace: Workspace, name: str, lines: Iterable[str]) -> None:
    plain = (
        "".join(c if c.isprintable() or c == "\t" else "\N{REPLACEMENT CHARACTER}" for c in line)
        for line in lines
    )
    workspace.write_text(workspace.path("config", name), "".join(f"{line}\n" for line in plain))
