"""The wording of clusters: sentences stand on findings of their cluster, or fall."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from agents.investigation.fence import Fence
from orchestrator.session import model_wording
from tests.agents.model_scene import client_scene
from tests.agents.recorded import Recorded
from tests.fakes.messages_api import Fails, MessagesApi, Reply, refuses, says
from tools.findings.model import Severity
from tools.synthesis import wording
from tools.synthesis.clusters import BlastRadius, Cluster
from tools.synthesis.wording import Sentence, of_cluster, supported


def cluster(recorded: Recorded) -> Cluster:
    first, second = recorded.findings
    return Cluster(
        cluster_id="C-01",
        title=first.title,
        entity="service orders",
        root=first.finding_id,
        root_fingerprint=first.fingerprint,
        severity=Severity.HIGH,
        members=(first.finding_id, second.finding_id),
        agents=("LOG_WATCHER",),
        chain=(),
        blast_radius=BlastRadius(services=("orders",), streams=()),
        recommendation="x",
        score=1.0,
    )


def words(*root: dict[str, Any]) -> dict[str, Any]:
    return {"root_cause": list(root), "chain": [], "blast_radius": [], "fix": []}


SOUND = {"text": "Orders fail, for stock answers late.", "finding_ids": ["LW-001", "LW-002"]}


@pytest.mark.parametrize(
    "sentence",
    [
        pytest.param(Sentence(text="So it is.", finding_ids=()), id="no support"),
        pytest.param(Sentence(text="So it is.", finding_ids=("LW-003",)), id="another cluster's finding"),
        pytest.param(Sentence(text="So it is.", finding_ids=("LW-001", "CA-9")), id="one of two"),
        pytest.param(
            Sentence(text="As RSA-004 shows.", finding_ids=("LW-001",)), id="another one in its words"
        ),
        pytest.param(Sentence(text=" ", finding_ids=("LW-001",)), id="nothing said"),
    ],
)
def test_a_sentence_without_support_is_dropped(sentence: Sentence) -> None:
    sound = Sentence(text="As LW-001 shows.", finding_ids=("LW-001",))
    assert supported([sentence, sound], ["LW-001", "LW-002"]) == (sound,)


async def made(recorded: Recorded, reply: Reply) -> tuple[list[wording.ClusterWording], list[str]]:
    findings = {finding.finding_id: finding for finding in recorded.findings}
    with MessagesApi(lambda _: reply) as api:
        async with client_scene(api, recorded.workspace) as scene:
            return await model_wording.word([cluster(recorded)], findings, (), scene.client, Fence())


async def test_words_are_kept_with_what_proves_them(tmp_path: Path) -> None:
    recorded = Recorded(tmp_path)
    (said,), failed = await made(recorded, says(words(SOUND, {"text": "And more.", "finding_ids": []})))
    assert failed == []
    assert [sentence.finding_ids for sentence in said.root_cause] == [("LW-001", "LW-002")]
    assert (said.dropped, said.prompt_version, said.model) == (1, "synthesis@1", "claude-opus-5-5")
    wording.write(recorded.workspace, [said])
    assert wording.read(recorded.workspace) == (said,)
    about = cluster(recorded)
    assert of_cluster([said], about.root_fingerprint, about.members) == said
    grown = structs.replace(about, members=("LW-001", "LW-002", "LW-003"))
    assert of_cluster([said], grown.root_fingerprint, grown.members) is None


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(says("no"), id="no JSON"),
        pytest.param(says({"root_cause": []}), id="a part is missing"),
        pytest.param(refuses(), id="refusal"),
        pytest.param(Fails(500), id="an API that is down"),
    ],
)
async def test_a_model_that_fails_leaves_a_cluster_in_the_rules_words(tmp_path: Path, reply: Reply) -> None:
    said, (why,) = await made(Recorded(tmp_path), reply)
    assert said == []
    assert why.startswith("C-01: ")
