"""What a change brings: the two watchers of a static session on both sides of real revisions."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace

import pytest

from agents import config_auditor, enhancement_scout
from agents.change import Change
from agents.indexer import index
from agents.job import ChangeJob
from agents.loop import Reporter
from tests.agents.audit_jobs import START_MS, job_of, reporter_of
from tests.fakes.clock import ManualClock
from tests.fakes.repositories import GitRepository
from tools.detectors.code import xadd_no_maxlen
from tools.detectors.contract import CodeView
from tools.findings.journal import read_data
from tools.findings.model import AgentId, Priority
from tools.findings.rule import Rule, Symptom
from tools.sources.change import ChangeCounts, read_counts
from tools.sources.git import Repository
from tools.sources.revision_tree import globs, tree_of

BASE = {
    "services/orders/app.py": 'import os, redis\nORDERS = "orders"\nr = redis.Redis()\nr.xadd(ORDERS, {"trace_id": "1"})\nos.environ["OLD"]\n',
    "services/mail/app.py": 'ORDERS = "orders"\nr.xreadgroup("mailers", "m", {ORDERS: ">"})\nfor id in ids:\n    r.xack(ORDERS, "mailers", id)\n',
    ".env.example": "TOKEN=\n",
    "services/mail/settings.py": 'import os\nos.environ["TOKEN"]\n',
}


class Review:
    """A change to a repository, and what the watchers say of it."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder, self.stack, self.clock = folder, stack, ManualClock(START_MS)
        self.repository = GitRepository(folder / "shop")
        self.repository.commit(BASE)
        self.repository.git("checkout", "-q", "-b", "feature")
        self.reporters: dict[AgentId, Reporter] = {}

    def prepare(self) -> None:
        """Index both sides as a session does."""
        base = Repository(self.repository.root).base_of("main")
        with tree_of(self.repository.root, base, (), ()) as root:
            change = ChangeJob(base_root=root, exclude=globs(base.not_compared))
            for agent in (AgentId.CONFIG_AUDITOR, AgentId.ENHANCEMENT_SCOUT):
                job = job_of(agent, self.repository.root, self.folder / "ws")
                job = job.model_copy(update={"change": change})
                self.reporters[agent] = reporter_of(job, self.clock, self.stack)
            index(job.model_copy(update={"agent": "INDEXER"}), self.clock)

    def found(self) -> list[str]:
        """What is reported, as `rule title`."""
        if not self.reporters:
            self.prepare()
        lines: list[str] = []
        for module, reporter in zip(
            (config_auditor, enhancement_scout), self.reporters.values(), strict=True
        ):
            watcher = module.make(reporter.job, reporter)
            watcher.look()
            watcher.finish()
            watcher.close()
            lines += [f"{item.rule_id} {item.title}" for item in reporter.recorder.findings]
        return lines

    def counts(self, agent: AgentId) -> ChangeCounts:
        return read_counts(self.reporters[agent].workspace, agent)

    def blind(self) -> list[str]:
        gaps = read_data(next(iter(self.reporters.values())).workspace.gaps)
        return [str(gap["why"]) for gap in gaps if gap["blind"]]


@pytest.fixture
def review(tmp_path: Path) -> Iterator[Review]:
    with ExitStack() as stack:
        yield Review(tmp_path, stack)


def test_nothing_changed_brings_nothing_and_counts_what_is_there(review: Review) -> None:
    assert review.found() == []
    assert review.counts(AgentId.ENHANCEMENT_SCOUT) == ChangeCounts(before=1, still=1, worse=0)
    assert review.counts(AgentId.CONFIG_AUDITOR) == ChangeCounts(before=1, still=1, worse=0)


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        pytest.param(
            {"services/orders/app.py": "# moved\n\n\n" + BASE["services/orders/app.py"]},
            [],
            id="lines that moved",
        ),
        pytest.param(
            {
                "services/orders/app.py": None,
                "services/orders/src/main.py": BASE["services/orders/app.py"] + "x = 1\n",
            },
            [],
            id="a file that moved",
        ),
        pytest.param(
            {
                "services/orders/app.py": BASE["services/orders/app.py"]
                + 'INVOICES = "invoices"\nr.xadd(INVOICES, {"trace_id": "1"})\n'
            },
            ["code.xadd-no-maxlen XADD without a cap on 'invoices' in services/orders/app.py"],
            id="a new call",
        ),
        pytest.param(
            {"services/mail/app.py": 'ORDERS = "orders"\nr.xreadgroup("mailers", "m", {ORDERS: ">"})\n'},
            ["code.xreadgroup-no-ack"],
            id="an ack that is gone, found at a line nobody touched",
        ),
        pytest.param(
            {".env.example": "OTHER=\n"},
            ["config.missing-env-var TOKEN"],
            id="a declaration that is gone, found in another file",
        ),
        pytest.param({"services/orders/app.py": None}, [], id="what is gone"),
    ],
)
def test_only_what_the_change_brings_is_reported(
    review: Review, files: dict[str, str | None], expected: list[str]
) -> None:
    review.repository.commit(files)
    found = review.found()
    assert len(found) == len(expected), found
    assert all(line.startswith(start) for line, start in zip(found, expected, strict=True)), found


def test_what_is_not_committed_yet_is_part_of_the_change(review: Review) -> None:
    review.repository.write(
        {
            "services/orders/new.py": 'import redis\nINVOICES = "invoices"\nredis.Redis().xadd(INVOICES, {"trace_id": "1"})\n'
        }
    )
    assert [line.split()[0] for line in review.found()] == ["code.xadd-no-maxlen"]


def test_what_was_mended_on_the_branch_meanwhile_is_not_blamed_on_the_change(review: Review) -> None:
    review.repository.git("checkout", "-q", "main")
    review.repository.commit({"services/orders/app.py": "pass\n"})
    review.repository.git("checkout", "-q", "feature")
    review.repository.commit({"services/orders/other.py": "x = 1\n"})
    assert review.found() == []


def test_a_base_that_cannot_be_read_blames_nothing_on_the_change_and_is_told(review: Review) -> None:
    review.repository.commit(
        {
            "services/orders/new.py": 'import redis\nINVOICES = "invoices"\nredis.Redis().xadd(INVOICES, {"trace_id": "1"})\n'
        }
    )
    review.prepare()
    next(iter(review.reporters.values())).workspace.base_index.write_bytes(b"torn")
    assert review.found() == []
    assert len(review.blind()) == 2
    assert all("the revision to compare with was not read" in why for why in review.blind())


def _symptom(rule: Rule, priority: Priority) -> Symptom:
    return Symptom(rule=rule, title="t", entity=("e",), evidence=(), recommendation="r", priority=priority)


def _change(review: Review, detect: object) -> Change:
    review.prepare()
    reporter = review.reporters[AgentId.ENHANCEMENT_SCOUT]
    detector = SimpleNamespace(RULES=xadd_no_maxlen.RULES, detect=detect)
    return Change.of(
        reporter, [detector], lambda base: CodeView(index=base, judgement=reporter.job.judgement)
    )


def test_what_got_worse_is_reported(review: Review) -> None:
    rule = xadd_no_maxlen.RULE
    change = _change(review, lambda _: iter([_symptom(rule, Priority.P2_MEDIUM)]))
    assert not change.brings(_symptom(rule, Priority.P3_LOW))
    assert not change.brings(_symptom(rule, Priority.P2_MEDIUM))
    assert change.brings(_symptom(rule, Priority.P1_HIGH))
    change.write()
    assert review.counts(AgentId.ENHANCEMENT_SCOUT) == ChangeCounts(before=1, still=0, worse=1)


def test_a_rule_that_fails_on_the_base_blames_nothing_on_the_change(review: Review) -> None:
    def fails(_: object) -> Iterator[Symptom]:
        raise RuntimeError("odd code")

    change = _change(review, fails)
    assert not change.brings(_symptom(xadd_no_maxlen.RULE, Priority.P1_HIGH))
    assert review.blind() == ["rules failed on the revision to compare with: code.xadd-no-maxlen"]
