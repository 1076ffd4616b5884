"""Causes and findings in the Markdown: chain, reach, what else may be behind it, and what links lead to."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from msgspec.structs import replace

from tests.report.made_session import make
from tools.report import markdown, markdown_findings, markdown_text
from tools.report.markdown_places import anchor
from tools.report.model import CriticalFinding, Report
from tools.report.write import write_report
from tools.synthesis.clusters import BlastRadius
from tools.synthesis.explain import Alternative


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Report:
    folder: Path = tmp_path_factory.mktemp("session")
    made = make(folder)
    return write_report(made.workspace, made.project, made.clock)


def test_what_else_may_be_behind_a_cluster_is_named_with_its_reason(report: Report) -> None:
    first, *others = report.clusters
    found = Alternative(
        rule="a-rule", says="it may | be slow", cause=others[0].root, effect=first.root, via="service billing"
    )
    text = markdown_findings.critical(
        replace(report, clusters=(replace(first, alternatives=(found,)), *others))
    )
    cause, effect = (f"[{name}](#{name.lower()})" for name in (found.cause, found.effect))
    assert f"**Not decided:** {cause} " in text
    assert f"would explain {effect} too — it may \\| be slow (`a-rule`, by service billing)." in text


def test_a_wide_reach_is_named_in_part(report: Report) -> None:
    names = tuple(f"s{at:03}" for at in range(markdown_findings.REACHED_MAX + 5))
    radius = BlastRadius(services=("billing",), streams=names, more_streams=100)
    clusters = tuple(replace(cluster, blast_radius=radius) for cluster in report.clusters)
    text = markdown_findings.critical(replace(report, clusters=clusters, reaches=()))
    assert "**Blast radius:** services `billing`; streams `s000`, " in text
    assert f"`{names[markdown_findings.REACHED_MAX - 1]}` and 105 more." in text


def test_a_cluster_without_a_critical_finding_is_told_in_a_few_lines(report: Report) -> None:
    text = markdown_findings.critical(
        replace(report, verdict=replace(report.verdict, first=report.verdict.first[:1]))
    )
    _, _, others = text.partition("### Other causes, without a critical finding")
    in_full = set(re.findall(r"\*\*Chain (C-\d+)\*\*", text))
    assert {row.cluster_id for row in report.critical} <= in_full
    for cluster in report.clusters:
        assert (f"**{cluster.cluster_id}** {cluster.severity.value} " in others) is (
            cluster.cluster_id not in in_full
        )
    quiet = next(cluster for cluster in report.clusters if cluster.cluster_id not in in_full)
    step = quiet.chain[0]
    assert f"[{step.cause}](#{step.cause.lower()}) → [{step.effect}](#{step.effect.lower()})" in others


def test_a_link_to_a_root_leads_to_its_fix_and_every_finding_has_one_anchor(report: Report) -> None:
    text = markdown.render(replace(report, verdict=replace(report.verdict, first=report.verdict.first[:1])))
    for finding in report.findings:
        assert text.count(anchor(finding["findingId"])) == 1
    told, _, table = text.partition("## All findings")
    assert all(anchor(cluster.root) in told for cluster in report.clusters)
    assert "<a id=" in table


def test_what_only_goes_together_is_no_arrow(report: Report) -> None:
    first = report.clusters[0]
    step = first.chain[0]
    other = first.members[-1]
    chain = (
        replace(step, rule="same-group", cause=first.root, effect=step.effect),
        replace(step, rule="a-rule", cause=other, effect=first.root),
    )
    text = markdown_findings.critical(
        replace(report, clusters=(replace(first, chain=chain), *report.clusters[1:]))
    )
    root, company, cause = (f"[{name}](#{name.lower()})" for name in (first.root, step.effect, other))
    assert f"1. {root} together with {company} " in text
    assert re.search(rf"2\. {re.escape(cause)} .*, also a cause of {re.escape(root)} — ", text)


def test_what_the_first_page_leaves_out_is_counted(report: Report) -> None:
    said = markdown.render(replace(report, verdict=replace(report.verdict, more=3)))
    assert "- and 3 more, in [critical findings](#2-critical-findings) and the roadmap" in said


def test_every_finding_is_anchored_once_where_its_links_lead(report: Report) -> None:
    text = markdown.render(report)
    anchors = re.findall(r'<a id="([^"]+)"></a>', text)
    assert sorted(anchors) == sorted(finding["findingId"].lower() for finding in report.findings)
    for row in report.critical:
        assert f'<a id="{row.finding_id.lower()}"></a>\n\n### {row.finding_id} ' in text


def test_what_has_long_texts_is_no_wide_table(report: Report) -> None:
    text = markdown.render(report)
    for number, title in ((5, "Drift registry"), (8, "Next session")):
        _, _, rest = text.partition(f"## {number}. {title}\n")
        section = rest.partition("\n## ")[0]
        assert section.strip().startswith("- **")
        assert "| --- |" not in section
    _, _, index = text.partition("## All findings\n")
    assert "| --- |" not in index


def test_a_fix_is_told_once_and_linked_elsewhere(report: Report) -> None:
    """The first page has the gist, section 2 the whole, the roadmap the way there."""
    first = replace(report.roadmap[0], action="Add consumers. Then look again.", now="Restart it.")
    root = first.finding_ids[0]
    findings = tuple(
        {**finding, "recommendation": first.action} if finding["findingId"] == root else finding
        for finding in report.findings
    )
    said = replace(report.verdict.first[0], text=first.action, now=first.now)
    verdict = replace(report.verdict, first=(said, *report.verdict.first[1:]))
    clusters = (replace(report.clusters[0], recommendation=first.action), *report.clusters[1:])
    text = markdown.render(
        replace(
            report,
            roadmap=(first, *report.roadmap[1:]),
            findings=findings,
            verdict=verdict,
            clusters=clusters,
        )
    )
    page, _, rest = text.partition("\n## 1. ")
    section, _, plan = rest.partition("\n## 6. ")
    assert f"**Now:** Restart it. **Then:** Add consumers. (in full: [{root}](#{root.lower()}))" in page
    assert "**Now:** Restart it.\n\n**Do:** Add consumers. Then look again." in section
    assert (text.count("Then look again."), text.count("Restart it.")) == (1, 2)
    assert "#what-first" not in text
    assert f"What to do: at [{root}](#{root.lower()})" in plan


def test_what_follows_from_a_root_has_its_own_advice_folded(report: Report) -> None:
    first = report.clusters[0]
    follower = first.members[1]
    rows = (
        *report.critical,
        CriticalFinding(finding_id=follower, open_at_end=None, cluster_id=first.cluster_id),
    )
    text = markdown_findings.critical(replace(report, critical=rows))
    told = text.partition(f"### {follower} ")[2].partition("\n### ")[0]
    assert f"part of {first.cluster_id}, root [{first.root}](#{first.root.lower()})" in told
    assert "**Do:**" not in told.partition("<details>")[0]
    assert "**Do:**" in told.partition("<details>")[2].partition("</details>")[0]


@pytest.mark.parametrize(
    ("listed", "more", "said"),
    [
        pytest.param(2, 0, "**Streams:** 2 of this family, the worst first: `jobs:0`, `jobs:1`.\n", id="few"),
        pytest.param(100, 0, "`jobs:7` and 92 more. The first 100 stand in `all-findings.json`.\n", id="many"),
        pytest.param(100, 4_900, "**Streams:** 5,000 of this family, the worst first: `jobs:0`, ", id="more than are listed"),
        pytest.param(100, 4_900, "The first 100 stand in `all-findings.json`. The other 4,900 are counted only; where the last poll shows the trouble on one, its row in `streams` of `report.json` names this finding.\n", id="and where the rest is"),
    ],
)  # fmt: skip
def test_a_family_says_how_many_streams_it_has_and_where_they_are(
    report: Report, listed: int, more: int, said: str
) -> None:
    root = report.clusters[0].root
    names = [f"jobs:{at}" for at in range(listed)]
    findings = tuple(
        {**finding, "members": names, "moreMembers": more} if finding["findingId"] == root else finding
        for finding in report.findings
    )
    assert said in markdown_findings.critical(replace(report, findings=findings))


@pytest.mark.parametrize(
    ("text", "gist"),
    [
        pytest.param("Restart it.", "Restart it.", id="one sentence"),
        pytest.param("Restart it. Then look.", "Restart it.", id="the first of two"),
        pytest.param("Mend a.py:3 in f; the whole trace is the evidence.", "Mend a.py:3 in f.", id="a pointer to the evidence"),
        pytest.param("Set lib.Max to 1.5 s.", "Set lib.Max to 1.5 s.", id="dots that end no sentence"),
    ],
)  # fmt: skip
def test_the_gist_of_an_advice_is_its_first_sentence(text: str, gist: str) -> None:
    assert markdown_text.brief(text) == gist


def test_the_list_of_all_findings_has_a_line_for_what_is_told_nowhere_else(report: Report) -> None:
    own = {**report.findings[-1], "findingId": "LW-900", "origin": "model"}
    _, _, index = markdown.render(replace(report, findings=(*report.findings, own))).partition(
        "## All findings\n"
    )
    listed = re.findall(r"\b((?:LW|RSA|CA|ES)-\d{3})\b", index)
    assert {finding["findingId"] for finding in report.findings} <= set(listed)
    assert re.search(r"LW-900 \w+ _\(the model's own\)_ ", index)
    critical = ", ".join(f"[{row.finding_id}](#{row.finding_id.lower()})" for row in report.critical)
    assert len(critical.split(", ")) > 1
    assert index.count("- **CRITICAL**, told above: ") == 1


def test_what_may_wait_is_folded_behind_its_anchors(report: Report) -> None:
    text = markdown.render(report)
    plan = text.partition("\n## 6. ")[2].partition("\n## 7. ")[0]
    now, *later = re.split(r"\n### (?=P[23])", plan)
    assert later
    for phase in later:
        before, _, folded = phase.partition("<details><summary>")
        assert re.match(r"Show them</summary>", folded)
        assert "- [ ]" not in before
        assert "<a id=" not in folded
    assert "Show them" not in now


def test_a_root_that_is_a_measure_says_that_nothing_explains_it(report: Report) -> None:
    assert report.verdict.why[0].text.endswith("; what is behind it was not found")
    assert not any(one.text.endswith("not found") for one in report.verdict.why[1:])
