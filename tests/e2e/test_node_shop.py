"""The JavaScript fleet, audited in managed mode with no configuration at all: what its own package.json tells is enough."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.conftest import free_port
from tests.e2e.audits import Audit, command, environment, left_behind, missed, node_shop, untrue
from tests.fakes.node_shop import SERVICES
from tools.report.verify import verify
from tools.sources import session_facts
from tools.workspace import Workspace

pytestmark = pytest.mark.fleet
BOUND_S = 400


@pytest.fixture(scope="module")
def audit(tmp_path_factory: pytest.TempPathFactory) -> Audit:
    folder = tmp_path_factory.mktemp("shop")
    project, port = folder / "shop", free_port()
    faults, variables = node_shop(tmp_path_factory, project, port)
    done = subprocess.run(
        command("run", "--duration", "90s"), cwd=project, env=environment() | variables,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        timeout=BOUND_S, check=False,
    )  # fmt: skip
    return Audit(done.returncode, done.stdout, Workspace(project / "monitor-session"), project, port, faults)


def test_it_is_found_started_and_audited_without_a_configuration(audit: Audit) -> None:
    assert audit.exit_code == 1, audit.output
    assert list(audit.project.glob("streamgauge.toml")) == []
    assert "managed session (start commands are known" in audit.output
    assert "from package.json: npm run dev:all" in audit.output
    facts = session_facts.read(audit.workspace)
    assert set(facts.services) == set(SERVICES)
    assert "service-ready" in audit.output


def test_every_fault_is_found_and_nothing_untrue(audit: Audit) -> None:
    findings = audit.findings()
    assert missed(findings, audit.faults) == []
    assert untrue(findings, audit.faults) == []


def test_every_quote_holds(audit: Audit) -> None:
    verified = verify(audit.workspace, audit.project)
    assert verified.ok
    assert verified.checked > 20


def test_captured_lines_name_the_masked_record_and_the_originals_offset(audit: Audit) -> None:
    places = [
        reference.locator
        for finding in audit.findings()
        for reference in finding.evidence_refs
        if reference.kind == "log" and reference.source.startswith("logs/")
    ]
    assert places
    assert [place for place in places if place.line is None or place.origin_offset is None] == []


def test_the_shutdown_is_clean_and_nothing_is_left(audit: Audit) -> None:
    assert "shutdown finished: clean" in audit.output
    assert left_behind(audit) == []
    assert not Path(audit.project, ".run", "gateway.pid").exists()
