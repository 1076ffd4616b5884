"""The Config Auditor on a real server: three looks, its files, restarts, and a server that goes away."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from agents.config_auditor import ConfigAuditor, make
from agents.indexer import index
from agents.job import WatcherJob
from agents.loop import Reporter
from tests.agents.audit_jobs import START_MS, job_of, reporter_of
from tests.conftest import Server
from tests.detectors.config import healthy
from tests.fakes.clock import ManualClock
from tests.sources.code.trees import write
from tools.findings.model import AgentId, Severity, rank_of
from tools.sources.code.index import read_index
from tools.sources.redis import polls
from tools.sources.redis.readonly import ReadOnlyClient
from tools.sources.redis.sweep import StreamSource


@pytest.fixture
def server(any_server: Server) -> Server:
    """Each server of the matrix."""
    return any_server


@pytest.fixture
def own_server(any_own_server: Server) -> Server:
    """Each server of the matrix."""
    return any_own_server


CODE = {
    "services/a/app.py": 'r.xgroup_create("orders", "desk-v1", mkstream=True)\n'
    'r.xreadgroup("desk-v2", "c", {"orders": ">"})\ndef f(s):\n    r.xadd(s, {})\n',
}


class Audit:
    """One auditor with its clock and workspace."""

    def __init__(
        self,
        tmp_path: Path,
        url: str | None,
        stack: ExitStack,
        *,
        indexed: bool = True,
        code: dict[str, str] = CODE,
    ) -> None:
        self.clock, self.stack = ManualClock(START_MS), stack
        project = write(tmp_path / "project", code)
        self.job: WatcherJob = job_of(AgentId.CONFIG_AUDITOR, project, tmp_path / "ws", url)
        self.reporter: Reporter = reporter_of(self.job, self.clock, stack)
        if indexed:
            self.index()
        self.auditor: ConfigAuditor = self.fresh()

    def fresh(self) -> ConfigAuditor:
        auditor = make(self.job, self.reporter)
        self.stack.callback(auditor.close)
        return auditor

    def index(self) -> None:
        index(self.job.model_copy(update={"agent": "INDEXER"}), self.clock)

    def baseline(self) -> None:
        assert self.job.redis is not None
        client = ReadOnlyClient(self.job.redis.url.get_secret_value())
        poll = StreamSource(client, self.clock).poll(0, previous=None)
        polls.write_baseline(self.reporter.workspace.path("streams", "baseline.json"), poll)
        client.close()

    def rules(self) -> list[tuple[str, str]]:
        found = self.reporter.recorder.findings
        return [(finding.rule_id, finding.title) for finding in found]

    def text(self, *parts: str) -> str:
        return self.reporter.workspace.path(*parts).read_text()


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as held:
        yield held


def test_a_comment_in_a_file_of_configuration_silences_a_rule_there_and_is_listed(
    tmp_path: Path, stack: ExitStack
) -> None:
    compose = """services:
  desk:
    image: desk
    ports:
      - "8080:80"  {}
  till:
    image: till
    ports:
      - "8080:81"
"""
    for name in ("told", "silent", "other"):
        (tmp_path / name).mkdir()
    told = Audit(tmp_path / "told", None, stack, code={"compose.yaml": compose.format("")})
    told.auditor.look()
    assert [rule for rule, _ in told.rules()] == ["config.port-conflict"]
    comment = "# streamgauge-ignore config.port-conflict never at one time"
    silent = Audit(tmp_path / "silent", None, stack, code={"compose.yaml": compose.format(comment)})
    silent.auditor.look()
    assert silent.rules() == []
    ignores = read_index(silent.reporter.workspace.code_index).ignores
    assert [(ignore.path, ignore.line, ignore.text) for ignore in ignores] == [
        ("compose.yaml", 5, "config.port-conflict never at one time")
    ]
    other = Audit(
        tmp_path / "other",
        None,
        stack,
        code={"compose.yaml": compose.format(comment.replace("conflict", "mismatch"))},
    )
    other.auditor.look()
    assert [rule for rule, _ in other.rules()] == ["config.port-conflict"]


def test_a_group_that_the_server_does_not_have_is_found_with_its_reply(
    server: Server, tmp_path: Path, stack: ExitStack
) -> None:
    server.client.xgroup_create("orders", "desk-v1", mkstream=True)
    audit = Audit(tmp_path, server.url, stack)
    audit.baseline()
    audit.auditor.look()
    titles = [title for rule, title in audit.rules() if rule == "config.group-name-mismatch"]
    assert titles == [
        "Group 'desk-v2' of 'orders' is read but never created: the server does not have it",
        "Group 'desk-v1' of 'orders' is created but never read",
    ]
    first = audit.reporter.recorder.findings[0]
    assert {reference.source for reference in first.evidence_refs} >= {
        "services/a/app.py",
        "config/polls.jsonl",
    }
    assert audit.text("config", "redis_group_names.txt") == "desk-v1\n"
    assert "orders\tdesk-v2\tyes\tno\tno" in audit.text("config", "drift_analysis.txt")


def test_a_healthy_server_yields_nothing(server: Server, tmp_path: Path, stack: ExitStack) -> None:
    server.client.xgroup_create("orders", "desk-v1", mkstream=True)
    server.client.xgroup_create("orders", "desk-v2")
    server.client.xgroup_createconsumer("orders", "desk-v1", "c")
    audit = Audit(tmp_path, server.url, stack)
    audit.baseline()
    audit.auditor.look()
    audit.auditor.finish()
    assert audit.rules() == []


def test_a_stream_that_appears_during_the_window_is_found_in_the_middle(
    server: Server, tmp_path: Path, stack: ExitStack
) -> None:
    server.client.xadd("orders", {"a": "1"})
    audit = Audit(tmp_path, server.url, stack)
    audit.baseline()
    audit.auditor.look()
    server.client.xadd("odd", {"a": "1"})
    audit.auditor.look()
    assert "config.rogue-stream" not in dict(audit.rules())
    audit.clock.advance(300)
    audit.auditor.look()
    audit.auditor.look()
    assert audit.auditor.beat()["looks"] == ["start", "middle"]
    assert [rule for rule, _ in audit.rules()].count("config.rogue-stream") == 1


def test_it_waits_for_the_index_without_blocking(server: Server, tmp_path: Path, stack: ExitStack) -> None:
    audit = Audit(tmp_path, server.url, stack, indexed=False)
    audit.auditor.look()
    assert audit.auditor.beat() == {"looks": [], "indexed": False}
    audit.index()
    audit.auditor.look()
    assert audit.auditor.beat() == {"looks": ["start"], "indexed": True}


def test_an_index_that_never_comes_is_a_gap(server: Server, tmp_path: Path, stack: ExitStack) -> None:
    audit = Audit(tmp_path, server.url, stack, indexed=False)
    audit.auditor.look()
    audit.auditor.finish()
    assert json.loads(audit.text("recording", "gaps.jsonl").splitlines()[0])["blind"] is True


def test_static_mode_looks_once_and_says_that_it_is_done(tmp_path: Path, stack: ExitStack) -> None:
    audit = Audit(tmp_path, None, stack)
    audit.auditor.look()
    audit.auditor.look()
    state = json.loads(audit.text("agents", "config-auditor", "state.json"))
    assert state == {"moments": ["start"], "done": True}
    severities = [rank_of(finding) for finding in audit.reporter.recorder.findings]
    assert severities == [Severity.HIGH.rank] * 2


def test_a_restart_does_not_look_again_and_counts_nothing_twice(
    server: Server, tmp_path: Path, stack: ExitStack
) -> None:
    server.client.xgroup_create("orders", "desk-v1", mkstream=True)
    audit = Audit(tmp_path, server.url, stack)
    audit.baseline()
    audit.auditor.look()
    again = audit.fresh()
    again.look()
    again.finish()
    assert [finding.occurrences for finding in audit.reporter.recorder.findings] == [1, 1]
    gaps = audit.text("recording", "gaps.jsonl").splitlines()
    assert len(gaps) == len(set(gaps)) == 1


def test_a_server_that_is_gone_is_a_gap_and_never_a_finding_about_groups(
    own_server: Server, tmp_path: Path, stack: ExitStack
) -> None:
    own_server.stop()
    audit = Audit(tmp_path, own_server.url, stack)
    audit.auditor.look()
    audit.auditor.finish()
    assert audit.rules() == []
    blind = [json.loads(line)["blind"] for line in audit.text("recording", "gaps.jsonl").splitlines()]
    assert True in blind


GROUP_CODE = {
    "services/a/app.py": 'r.xgroup_create("orders", "desk", mkstream=True)\nr.xreadgroup("desk", "c", {"orders": ">"})\n'
}


@pytest.mark.parametrize("restarted", [True, False])
def test_after_a_restart_services_have_time_to_make_their_groups_again(
    tmp_path: Path, stack: ExitStack, restarted: bool
) -> None:
    (tmp_path / "server").mkdir()
    server = Server(tmp_path / "server")
    stack.callback(server.stop)
    server.client.xgroup_create("orders", "desk", mkstream=True)
    server.client.xgroup_createconsumer("orders", "desk", "c")
    audit = Audit(tmp_path, server.url, stack, code=GROUP_CODE)
    audit.baseline()
    audit.auditor.look()
    if restarted:
        server.stop()
        server = Server(tmp_path / "server", port=server.port)
        stack.callback(server.stop)
        server.client.xadd("orders", {"a": 1})
    else:
        server.client.xgroup_destroy("orders", "desk")
    audit.clock.advance(300)
    audit.auditor.look()
    assert audit.auditor.beat()["looks"] == (["start"] if restarted else ["start", "middle"])
    audit.auditor.finish()
    assert ("config.group-name-mismatch" in dict(audit.rules())) is not restarted


def test_a_healthy_project_on_a_real_server_yields_nothing_at_any_look(
    server: Server, tmp_path: Path, stack: ExitStack
) -> None:
    envelope: dict[Any, Any] = {"version": "2", "correlation_id": "c-17"}
    for stream, groups in healthy.GROUPS.items():
        server.client.xadd(stream, envelope | {"order_id": "o-1", "total": "8.50"})
        for group in groups:
            server.client.xgroup_create(stream, group, id="0")
            server.client.xreadgroup(group, "c1", {stream: ">"})
    audit = Audit(tmp_path, server.url, stack, code=healthy.FILES)
    audit.baseline()
    audit.auditor.look()
    server.client.xadd("shop.prices.usd", envelope)
    audit.clock.advance(300)
    audit.auditor.look()
    audit.auditor.finish()
    assert audit.auditor.beat()["looks"] == ["start", "middle", "end"]
    assert audit.rules() == []


def test_an_entry_of_the_server_that_is_not_as_documented_is_found_without_its_values(
    server: Server, tmp_path: Path, stack: ExitStack
) -> None:
    audit = Audit(tmp_path, server.url, stack, code=healthy.FILES)
    audit.baseline()
    audit.auditor.look()
    entry: dict[Any, Any] = {
        "version": "2",
        "correlation_id": "c-17",
        "order_id": "o-1",
        "total": "eight-fifty",
    }
    server.client.xadd("shop.orders.placed", entry)
    server.client.xgroup_create("shop.orders.placed", "billing", id="0")
    server.client.xreadgroup("billing", "c1", {"shop.orders.placed": ">"})
    audit.clock.advance(300)
    audit.auditor.look()
    (finding,) = audit.reporter.recorder.findings
    assert (finding.rule_id, finding.category.value) == ("config.schema-drift", "SCHEMA_DRIFT")
    assert "has 'total' as text, not number" in finding.title
    assert {reference.source for reference in finding.evidence_refs} >= {
        "config/polls.jsonl",
        "docs/events.yaml",
    }
    written = [path.read_text(errors="replace") for path in audit.reporter.workspace.root.rglob("*.jsonl")]
    assert not [text for text in written if "eight-fifty" in text]
