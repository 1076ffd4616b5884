"""What a reader can do with the page, in a real browser."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace
from playwright.sync_api import expect

from tests.report.html.made_pages import HOSTILE, compared, html_of, large, nothing, shop
from tests.report.html.opened import Opened, Opener, Scheme
from tools.report.model import Report
from tools.report.streams_model import GroupPace
from tools.synthesis.explain import Alternative

MANY = 5_000
ON_PAPER = 600
SECTIONS = (
    "verdict", "causes", "timeline", "topology", "streams", "flows", "findings", "drift", "roadmap", "gaps", "next",
)  # fmt: skip
SCHEMES: tuple[Scheme, ...] = ("light", "dark")
ROWS = "#finding-list article"


@pytest.fixture
def page(markup: str, show: Opener) -> Opened:
    return show(markup)


@pytest.fixture(scope="module")
def seen(markup: str, show_to_all: Opener) -> Opened:
    """The page for tests that only look."""
    return show_to_all(markup)


def said(page: Opened) -> str:
    return page.text(".said")


def test_the_first_screen_answers_whether_it_burns_why_and_what_first(seen: Opened) -> None:
    assert (
        seen.text("h1") == "Yes, on fire: 2 critical findings and 7 high ones, which come down to 4 troubles."
    )
    first = seen.page.locator("#verdict .pair > .card")
    expect(first).to_contain_text(
        ["Group billing of orders is 1,000 messages behind", "Add consumers to group billing"]
    )
    for at in range(2):
        box = first.nth(at).bounding_box()
        assert box is not None
        assert box["y"] < 900
    expect(seen.page.locator("#verdict .notice")).to_contain_text(
        "Not seen: 1 gap in coverage: log of search"
    )


def test_the_first_screen_names_the_system_the_harm_and_what_to_do_now(seen: Opened, report: Report) -> None:
    verdict = report.verdict
    hero = seen.page.locator("#verdict .hero")
    expect(hero).to_contain_text(verdict.about)
    expect(hero).to_contain_text(f"Harm so far: {verdict.harm}")
    why, first = (seen.page.locator("#verdict .pair > .card").nth(at) for at in range(2))
    assert why.locator("li .chip").count() == len(verdict.why) + len(verdict.others)
    expect(first).to_contain_text(f"Now: {verdict.first[0].now} Then: ")


def test_commands_in_advice_stand_as_code(show: Opener, report: Report) -> None:
    item = replace(
        report.roadmap[0],
        action="See XINFO CONSUMERS s <b>; from XADD at x.py on, XACK s g 1-0. Then XACK it",
        cluster_id=None,
    )
    seen = show(html_of(replace(report, roadmap=(item,))))
    assert seen.page.locator("#roadmap code.command").all_inner_texts() == [
        "XINFO CONSUMERS s <b>",
        "XADD",
        "XACK s g 1-0",
        "XACK",
    ]
    expect(seen.page.locator("#roadmap .card")).to_contain_text(
        "from XADD at x.py on, XACK s g 1-0. Then XACK it"
    )


def test_every_section_has_a_heading_and_says_something(seen: Opened) -> None:
    for name in SECTIONS:
        section = seen.page.locator(f"#{name}")
        assert len(section.inner_text()) > 20, name
        expect(section.locator("h1, h2").first).to_be_visible()
        assert not {"could not be shown", "false", "undefined", "null", "NaN"} & set(
            section.inner_text().split("\n")
        )
        assert "could not be shown" not in section.inner_text()
        assert seen.count(f"nav a[href='#{name}']") == 1


def test_a_cluster_goes_from_its_root_to_its_symptoms_with_reach_and_fix(
    seen: Opened, report: Report
) -> None:
    cluster = report.clusters[0]
    card = seen.page.locator(f"#{cluster.cluster_id}")
    expect(card).to_contain_text(f"Fix: {cluster.recommendation}")
    expect(card).to_contain_text("Shows at: ")
    ids = card.locator(".step .id-of").all_inner_texts()
    assert ids[0] == cluster.root
    assert sorted(ids) == sorted(cluster.members)


def test_a_cluster_names_what_else_may_be_behind_it(report: Report, show: Opener) -> None:
    first, *others = report.clusters
    other = others[0].root
    found = Alternative(
        rule="r", says="it <b>may</b> be slow", cause=other, effect=first.root, via="service billing"
    )
    clusters = (replace(first, alternatives=(found,)), *others)
    page = show(html_of(replace(report, clusters=clusters)))
    said_of_it = page.page.locator(f"#{first.cluster_id} .alternative")
    expect(said_of_it).to_contain_text(f"would explain {first.root} too — it <b>may</b> be slow")
    expect(said_of_it.locator("a").first).to_have_attribute("href", f"#{other}")


def test_what_changed_since_an_earlier_session_is_told(report: Report, show: Opener) -> None:
    root = report.clusters[0].root
    page = show(html_of(replace(report, comparison=compared(report, root))))
    changes = page.page.locator("details", has=page.page.locator(".changes"))
    expect(changes.locator("summary")).to_have_text("Since session earlier: 1 new, 1 resolved")
    changes.locator("summary").click()
    rows = changes.locator(".changes li")
    expect(rows).to_contain_text(
        [f"new CRITICAL {root}", "resolved HIGH LW-077 <i>gone</i> · it was looked for"]
    )
    expect(rows.first.locator("a")).to_have_attribute("href", f"#{root}")
    trend = page.page.locator("details", has_text="Trend of the last 2 sessions")
    trend.locator("summary").click()
    expect(trend.locator("tbody tr")).to_have_count(2)


def test_charts_and_graph_are_drawn(seen: Opened, report: Report) -> None:
    assert seen.count(".chart canvas") == 4
    assert "orders" in (seen.page.locator(".chart").nth(2).get_attribute("aria-label") or "")
    streams = seen.page.locator("svg g.node.stream[role=button]")
    assert streams.count() == len(report.streams)
    outside = """() => [...document.querySelectorAll("#topology svg path.edge, #topology svg text")].filter((one) => {
      const [box, all] = [one.getBBox(), one.ownerSVGElement.viewBox.baseVal];
      return box.x < all.x || box.y < all.y || box.x + box.width > all.x + all.width || box.y + box.height > all.y + all.height;
    }).length"""
    assert seen.ask(outside) == 0
    label = seen.page.locator("svg g.node.stream.critical").first.get_attribute("aria-label") or ""
    assert label == "orders len 1300 · lag 1000 · pend 3: stream, critical"


def test_a_chart_shows_the_streams_that_are_chosen(page: Opened) -> None:
    page.page.locator(".choose input").first.uncheck()
    length = page.page.locator("figure", has_text="Length, in entries").locator(".chart")
    first = page.page.locator(".choose label").first.inner_text()
    assert first not in (length.get_attribute("aria-label") or "")
    assert page.count(".chart canvas") == 4


def test_filters_and_search_narrow_the_list_and_say_so(page: Opened, report: Report) -> None:
    total = len(report.findings)
    assert said(page) == f"All {total} findings."
    page.page.locator(".toggle.critical").click()
    critical = page.count(ROWS)
    assert 0 < critical < total
    assert said(page) == f"{critical} of {total} findings."
    page.page.select_option("#by-agent", "REDIS_STREAM_ANALYST")
    assert page.page.locator(f"{ROWS} .id-of").all_inner_texts() == ["RSA-001"]
    page.page.locator("#reset").click()
    page.page.fill("#by-text", "ETIMEDOUT billing")
    assert page.count(ROWS) == sum("ETIMEDOUT" in str(finding) for finding in report.findings)
    page.page.fill("#by-text", "no such words anywhere")
    assert said(page) == f"0 of {total} findings."
    page.page.press("#by-text", "Escape")
    assert said(page) == f"All {total} findings."


def test_the_order_can_be_by_time(page: Opened, report: Report) -> None:
    page.page.select_option("#by-order", "time")
    wanted = [finding["findingId"] for finding in sorted(report.findings, key=lambda one: one["timestamp"])]
    assert page.page.locator(f"{ROWS} .id-of").all_inner_texts() == wanted


def test_a_finding_shows_evidence_with_its_place_and_what_to_do(page: Opened, report: Report) -> None:
    finding = report.findings[0]
    row = page.page.locator(f"#{finding['findingId']}")
    row.locator("button").click()
    expect(row).to_contain_text(f"Do: {finding['recommendation']}")
    expect(row.locator("pre").first).to_have_text(finding["evidence"])
    row.get_by_text("Where each piece was seen").click()
    expect(row).to_contain_text(finding["evidenceRefs"][0]["sha256"][:16])
    row.locator("button").click()
    expect(row.locator("pre").first).to_be_hidden()


def test_a_finding_is_shown_with_what_happened_around_it(page: Opened, report: Report) -> None:
    row = page.page.locator("#RSA-001")
    row.locator("button").click()
    row.get_by_text("What else happened around then").click()
    expect(row.locator(".chart canvas")).to_be_visible()
    expect(row.locator(".chart")).to_have_attribute(
        "aria-label", "orders over the window: length 100 to 1,300, lag 0 to 1,000, pending 3 to 3"
    )
    assert len(report.findings) - 1 >= row.locator(".screen li").count() > 0


def test_a_link_to_a_finding_opens_it_whatever_is_filtered(page: Opened, report: Report) -> None:
    page.page.fill("#by-text", "no such words anywhere")
    page.page.locator("#verdict .proof a.id").first.click()
    name = report.verdict.why[0].finding_ids[0]
    expect(page.page.locator(f"#{name} button")).to_be_focused()
    expect(page.page.locator(f"#{name} .body")).to_be_visible()


def test_an_address_with_a_finding_opens_at_it(report: Report, markup: str, show: Opener) -> None:
    name = report.findings[-1]["findingId"]
    page = show(markup, fragment=f"#{name}")
    expect(page.page.locator(f"#{name} .body")).to_be_visible()


def test_all_of_it_can_be_done_by_keyboard(page: Opened) -> None:
    keyboard = page.page.keyboard
    keyboard.press("Tab")
    expect(page.page.locator(".skip")).to_be_focused()
    keyboard.press("Tab")
    expect(page.page.locator("nav a").first).to_be_focused()
    keyboard.press("/")
    expect(page.page.locator("#by-text")).to_be_focused()
    row = page.page.locator(ROWS).first
    row.locator("button").focus()
    keyboard.press("Enter")
    expect(row.locator("pre").first).to_be_visible()
    page.page.locator("g.node[role=button]").first.focus()
    keyboard.press("Enter")
    assert " of " in said(page)
    page.page.locator(".mark[tabindex='0']").focus()
    keyboard.press("ArrowRight")
    assert page.count(".mark[tabindex='0']") == 1
    expect(page.page.locator(".mark[tabindex='0']")).to_be_focused()


def test_five_thousand_findings_are_made_fifty_at_a_time(report: Report, show: Opener) -> None:
    page = show(html_of(large(report, MANY, 2_000)))
    assert said(page) == "All 5,000 findings."
    assert page.count(ROWS) == 50
    assert page.ask("document.querySelectorAll('*').length") < 12_000
    assert page.count("#topology g.node.stream") == 60
    page.page.locator("#findings .more").click()
    assert page.count(ROWS) == 100
    expect(page.page.locator(ROWS).nth(50).locator("button")).to_be_focused()
    page.page.fill("#by-text", "number 04999 of")
    assert page.page.locator(f"{ROWS} .id-of").all_inner_texts() == ["LW-5999"]
    page.page.locator("#reset").click()
    page.ask("location.hash = '#LW-3500'")
    expect(page.page.locator("#LW-3500 .body")).to_be_visible()


def test_paper_loses_nothing(page: Opened, report: Report) -> None:
    before = page.count("details[open]")
    page.page.emulate_media(media="print")
    page.ask("window.dispatchEvent(new Event('beforeprint'))")
    assert page.count("details:not([open]):not(.screen)") == 0
    text = page.ask("document.querySelector('main').innerText")
    for finding in report.findings:
        assert " ".join(finding["recommendation"].split()) in " ".join(text.split())
        assert " ".join(finding["evidence"].split()) in " ".join(text.split())
    for row in (*report.streams, *report.drift, *report.roadmap, *report.source_gaps):
        first = next(
            value
            for value in (getattr(row, name, None) for name in ("stream", "expected", "action", "what"))
            if value
        )
        assert first in text
    assert page.page.pdf()[:5] == b"%PDF-"
    page.ask("window.dispatchEvent(new Event('afterprint'))")
    assert page.count("details[open]") == before


def test_findings_that_were_not_made_yet_are_all_on_paper(report: Report, show: Opener) -> None:
    page = show(html_of(large(report, ON_PAPER, 150)))
    page.ask("window.dispatchEvent(new Event('beforeprint'))")
    assert page.count(ROWS) == ON_PAPER
    assert page.count("#streams tbody tr") >= 150


def test_dark_and_light_say_the_same(markup: str, show: Opener) -> None:
    light, dark = (show(markup, scheme=scheme) for scheme in SCHEMES)
    colour = "getComputedStyle(document.body).backgroundColor"
    assert light.text("main") == dark.text("main")
    assert light.ask(colour) != dark.ask(colour)
    light.page.locator("#theme").click()
    light.page.locator("#theme").click()
    assert light.text("#theme") == "Theme: dark"
    assert light.ask(colour) == dark.ask(colour)


@pytest.mark.parametrize("width", [390, 768, 1280, 2200])
def test_no_width_makes_the_page_scroll_sideways(markup: str, show: Opener, width: int) -> None:
    page = show(markup, width=width)
    assert page.ask("document.documentElement.scrollWidth") <= width


def test_hostile_names_and_lines_are_shown_as_text(tmp_path: Path, markup: str, show: Opener) -> None:
    calm = show(markup)
    page = show(html_of(shop(tmp_path / "hostile", HOSTILE + "x" * 10_000)))
    for opened in (calm, page):
        opened.ask("window.dispatchEvent(new Event('beforeprint'))")
    assert page.ask("window.broken") is None
    tags = "[...new Set([...document.querySelectorAll('*')].map((one) => one.tagName))].sort()"
    assert page.ask(tags) == calm.ask(tags)
    text = page.ask("document.body.innerText")
    assert '<img src=x onerror="window.broken=2">' in text
    assert "⟨U+202E⟩gnp.exe" in text
    assert "⟨U+001B⟩[31mred" in text
    assert not {"\u202e", "\x1b"} & set(text)
    assert page.ask("document.documentElement.scrollWidth") <= 1280


def test_a_session_that_saw_nothing_says_so(tmp_path: Path, show: Opener) -> None:
    page = show(html_of(nothing(tmp_path / "empty")))
    for name in SECTIONS:
        assert "could not be shown" not in page.text(f"#{name}")
        assert len(page.text(f"#{name}")) > 10
    assert "sections could not be built" not in page.text("#gaps")


def test_a_fix_stands_at_its_root_cause_and_is_linked_elsewhere(seen: Opened, report: Report) -> None:
    first = report.roadmap[0]
    assert first.cluster_id is not None
    card = seen.page.locator("#roadmap .card").first
    expect(card).to_contain_text(f"What to do stands at root cause {first.cluster_id}.")
    assert seen.page.locator(f"#causes #{first.cluster_id} .fix").first.inner_text() == f"Fix: {first.action}"
    numbers = seen.page.locator("#verdict .pair > .card").nth(1).locator("a.cause").all_inner_texts()
    assert numbers == [one.cluster_id for one in report.verdict.first if one.cluster_id]


def test_a_lag_stands_beside_its_pace(report: Report, show: Opener) -> None:
    pace = GroupPace(
        added_per_minute=640, given_per_minute=160, added=160, given=40, from_poll=1, to_poll=2, span_ms=15_000, gist="", says="640 are added"
    )  # fmt: skip
    rows = tuple(
        replace(
            row, groups=tuple(replace(group, pace=pace) for group in row.groups) if row.lag else row.groups
        )
        for row in report.streams
    )
    page = show(html_of(replace(report, streams=rows)))
    expect(page.page.locator(f"#{report.clusters[0].cluster_id} .pace")).to_have_text("Pace: 640 are added.")
    shown = page.page.locator("#streams tr", has_text="orders").first
    expect(shown).to_contain_text("+640 added, 160 given a minute")


def test_a_trouble_that_was_over_says_so(report: Report, show: Opener) -> None:
    first = report.clusters[0]
    verdict = replace(report.verdict, why=(replace(report.verdict.why[0], over="last seen <b>"),))
    page = show(html_of(replace(report, over={first.root: "last seen <b>"}, verdict=verdict)))
    expect(page.page.locator(f"#{first.cluster_id}-title")).to_contain_text(
        "— over by the end, last seen <b>"
    )
    expect(page.page.locator("#verdict .pair li").first).to_contain_text(
        "over by the end (last seen <b>): Group"
    )


def test_a_system_that_was_stopped_is_spoken_of_in_the_past(report: Report, show: Opener) -> None:
    page = show(html_of(replace(report, verdict=replace(report.verdict, stopped=True))))
    expect(page.page.locator("#verdict .health")).to_contain_text("Was it on fire?")
    first = page.page.locator("#verdict .pair").first
    expect(first).to_contain_text("what this audit had started is stopped")


def test_what_to_do_now_stands_before_the_advice_wherever_a_root_is_told(
    report: Report, show: Opener
) -> None:
    first = report.roadmap[0]
    root = first.finding_ids[0]
    page = show(html_of(replace(report, roadmap=(replace(first, now="Stop it."),))), fragment=f"#{root}")
    body = page.page.locator(f"#{root} .body")
    expect(body).to_contain_text("Now: Stop it.Do: ")
    expect(page.page.locator(f"#{first.cluster_id} .now")).to_have_text("Now: Stop it.")
