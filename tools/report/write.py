"""From a workspace to its report: build every section, write every file. What is missing is stated, never fatal."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import msgspec
from msgspec import structs

from tools import masking
from tools.clock import Clock, iso
from tools.findings.model import dump
from tools.report import markdown, project_paths, sarif, session_failure
from tools.report.context import Context, prepare
from tools.report.html import page
from tools.report.model import SCHEMA_VERSION, Report, SectionFailure, Verdict
from tools.report.sections import (
    change,
    comparison,
    coverage,
    critical,
    dashboard,
    ledger,
    log_templates,
    next_session,
    observability,
    over,
    reach,
    reasons,
    roadmap,
    service_states,
    streams,
    timeline,
    verdict,
)
from tools.report.undisturbed import undisturbed
from tools.synthesis import session_data, topology
from tools.synthesis.clusters import Cluster
from tools.synthesis.flows.model import Flows
from tools.synthesis.flows.reconstruct import reconstruct
from tools.synthesis.flows.session import evidence_of
from tools.synthesis.poll_digest import EXPECTED
from tools.synthesis.session_data import SessionData
from tools.synthesis.sessions import against
from tools.synthesis.wording import ClusterWording, of_cluster
from tools.workspace import Workspace, write_atomically

REPORT_JSON = "report.json"

_Part = TypeVar("_Part")


@dataclass
class Builder:
    """Builds sections one by one. `failures` names those that could not be built."""

    failures: list[SectionFailure] = field(default_factory=list)

    def attempt(self, section: str, build: Callable[[], _Part], otherwise: _Part) -> _Part:
        """The section; `otherwise` where it cannot be built."""
        try:
            return build()
        except EXPECTED as error:  # odd data: one section is lost, and the report says which and why
            reason = f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
            self.failures.append(SectionFailure(section=section, reason=masking.mask(reason)))
            return otherwise

    def rows(self, section: str, build: Callable[[], tuple[_Part, ...]]) -> tuple[_Part, ...]:
        """The section's rows; none where it cannot be built."""
        return self.attempt(section, build, ())


def write_report(
    workspace: Workspace, project_root: Path, clock: Clock, version: str | None = None
) -> Report:
    """Write `REPORT_<id>.md`, `report.html`, `report.json`, `report.sarif`, `all-findings.json`, clusters and topology.

    `project_root` is what was audited; of its files `report.sarif` knows the lines' lengths. `version` is the
    product's; by default the one that the session recorded. Raises OSError only where the workspace itself cannot
    be written.
    """
    with undisturbed():
        return _write(workspace, project_root, clock, version)


def _write(workspace: Workspace, project_root: Path, clock: Clock, version: str | None) -> Report:
    builder = Builder()
    data = session_failure.restated(session_data.load(workspace, clock.now_ms()))
    context = prepare(data, clock.now_ms())
    report = build(context, builder, version or (data.facts.version if data.facts is not None else "unknown"))
    report = _with_comparison(report, workspace, data, builder)
    report = _masked(report)
    workspace.write_json(workspace.all_findings, report.findings)
    if data.facts is not None:
        report = project_paths.relative(report, data.facts.project_root)
    workspace.write_json(workspace.path("findings", "cross-agent-clusters.json"), _cross_agent(context))
    _write_topology(workspace, context, builder)
    about = sarif.About(data.session_id, project_root, data.facts)
    found = builder.attempt(sarif.FILE, lambda: sarif.build(context.findings, about), None)
    if found is not None:
        workspace.write_json(workspace.path(sarif.FILE), found)
    report = structs.replace(report, failures=tuple(builder.failures))
    workspace.write_text(workspace.report(data.session_id), markdown.render(report))
    workspace.write_json(workspace.path(REPORT_JSON), report)
    # Not by `write_text`: its texts are masked already, and masking the page itself could change the scripts in it.
    write_atomically(workspace.path(page.FILE), page.render(report).encode("utf-8", "replace"))
    return report


def build(context: Context, builder: Builder, version: str) -> Report:
    """The report as data; a section that fails is left empty and named in `failures`."""
    board = builder.attempt("executive dashboard", lambda: dashboard.build(context), None)
    states = builder.rows("services at the end", lambda: service_states.build(context))
    plan = builder.rows("roadmap", lambda: roadmap.build(context, states))
    gaps = builder.rows("observability gaps", lambda: observability.build(context))
    source_gaps = builder.rows("source gaps", lambda: coverage.source_gaps(context))
    seen = builder.attempt("coverage", lambda: coverage.build(context), None)
    nothing: dict[str, str] = {}
    ended = builder.attempt("troubles that were over", lambda: over.build(context), nothing)
    health_map = builder.rows("stream health map", lambda: streams.build(context))
    unknown = Verdict(headline="It cannot be told: the dashboard could not be built.", why=(), first=())
    return Report(
        schema_version=SCHEMA_VERSION,
        version=version,
        session_id=context.data.session_id,
        completed_at=iso(context.now_ms),
        verdict=builder.attempt(
            "first page",
            lambda: (
                unknown
                if board is None
                else verdict.build(context, board, plan, reasons.Told(health_map, states, ended))
            ),
            unknown,
        ),
        change=builder.attempt("the change", lambda: change.build(context), None),
        dashboard=board,
        critical=builder.rows("critical findings", lambda: critical.build(context)),
        clusters=context.clusters,
        wordings=_wordings(context),
        readings=context.data.readings,
        reaches=builder.rows("blast radius", lambda: reach.build(context)),
        streams=health_map,
        ledger=builder.attempt("conservation ledger", lambda: ledger.build(context), None),
        topology=builder.rows("topology", lambda: streams.edges(context)),
        service_states=states,
        flows=builder.attempt("event flows", lambda: _flows(context), None),
        drift=context.drift,
        roadmap=plan,
        observability_gaps=gaps,
        source_gaps=source_gaps,
        log_templates=builder.rows("log templates", lambda: log_templates.build(context)),
        coverage=seen,
        next_session=builder.rows(
            "next session", lambda: next_session.build(context, gaps, source_gaps, seen)
        ),
        timeline=builder.attempt("timeline", lambda: timeline.build(context), None),
        failures=tuple(builder.failures),
        over=ended,
        findings=tuple(dump(finding) for finding in context.findings),
    )


def _with_comparison(report: Report, workspace: Workspace, data: SessionData, builder: Builder) -> Report:
    """The report and what changed since the session beside it; its record for later ones is left in the workspace."""
    found = builder.attempt("comparison", lambda: against.conclude(workspace, data), None)
    board = report.dashboard
    if board is not None:
        board = structs.replace(board, comparison=comparison.figures(found))
    return structs.replace(report, dashboard=board, comparison=None if found is None else found.told())


def _wordings(context: Context) -> tuple[ClusterWording, ...]:
    """A model's words for the clusters as they are now; what it said of other members is left out."""
    found = (
        of_cluster(context.data.wordings, cluster.root_fingerprint, cluster.members)
        for cluster in context.clusters
    )
    return tuple(wording for wording in found if wording is not None)


def _masked(report: Report) -> Report:
    """The report with every text masked before it is rendered: a secret found later could swallow markup."""
    return msgspec.convert(masking.mask_data(msgspec.to_builtins(report)), Report)


def _flows(context: Context) -> Flows:
    return reconstruct(evidence_of(context.data), context.wiring)


def _cross_agent(context: Context) -> list[dict[str, object]]:
    return [_cluster_record(cluster) for cluster in context.clusters if len(cluster.agents) > 1]


def _cluster_record(cluster: Cluster) -> dict[str, object]:
    """One cluster under the names that specification 1 fixes for this file."""
    return {
        "entity": cluster.entity,
        "finding_count": len(cluster.members),
        "agents": cluster.agents,
        "root": cluster.root,
        "members": cluster.members,
        "chain": cluster.chain,
        "blastRadius": cluster.blast_radius,
    }


def _write_topology(workspace: Workspace, context: Context, builder: Builder) -> None:
    data, polls = context.data, context.data.polls.recent()
    if polls:
        final = builder.attempt(
            "streams/topology.json",
            lambda: topology.build(
                polls,
                data.index,
                context.findings,
                data.judgement,
                context.wiring,
                baseline=data.polls.first,
            ),
            None,
        )
        if final is not None:
            workspace.write_json(workspace.path("streams", "topology.json"), final)
            workspace.write_text(
                workspace.path("streams", "topology_current.txt"), topology.render_text(final)
            )
