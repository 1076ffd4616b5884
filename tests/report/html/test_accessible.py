"""Names, landmarks, headings and contrast, for readers who do not see the page or see it badly."""

from __future__ import annotations

from itertools import pairwise

import pytest

from tests.report.html.opened import Opened, Opener

CONTRAST_MIN = 4.5
"""Of text of usual size (WCAG 2.2, 1.4.3)."""

NAMELESS = """() => [...document.querySelectorAll("a, button, input, select, svg [role], svg[role], [role=group], [role=img]")]
  .filter((one) => {
    const label = one.closest("label") ?? (one.id && document.querySelector(`label[for="${one.id}"]`));
    return !(one.getAttribute("aria-label") || one.textContent.trim() || label?.textContent.trim());
  }).map((one) => one.outerHTML.slice(0, 120))"""

CONTRASTS = """() => {
  const luminance = ([r, g, b]) => [r, g, b].map((part) => part / 255).map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4))
    .reduce((sum, part, at) => sum + part * [0.2126, 0.7152, 0.0722][at], 0);
  const parts = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const ground = (one) => {
    for (let at = one; at; at = at.parentElement) {
      const colour = parts(getComputedStyle(at).backgroundColor);
      if (colour.length === 3 || colour[3] === 1) return colour;
    }
    return [255, 255, 255];
  };
  const poor = new Map();
  for (const one of document.querySelectorAll("body *")) {
    const own = [...one.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
    const style = getComputedStyle(one);
    if (!own || !one.getClientRects().length || one.closest("svg, :disabled, script, style")) continue;
    const [fore, back] = [luminance(parts(style.color)), luminance(ground(one))];
    const ratio = (Math.max(fore, back) + 0.05) / (Math.min(fore, back) + 0.05);
    if (ratio < LEAST) poor.set(`${one.tagName}.${one.className}`, ratio.toFixed(2));
  }
  return [...poor];
}""".replace("LEAST", str(CONTRAST_MIN))


@pytest.fixture(scope="module", params=["light", "dark"])
def page(markup: str, show_to_all: Opener, request: pytest.FixtureRequest) -> Opened:
    opened = show_to_all(markup, scheme=request.param)
    opened.ask("document.querySelectorAll('#finding-list button').forEach((one) => one.click())")
    opened.ask("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    opened.page.wait_for_function(
        "[...document.querySelectorAll('details')].every((one) => one.childElementCount > 1)"
    )
    return opened


def test_everything_that_acts_or_is_drawn_has_a_name(page: Opened) -> None:
    assert page.ask(NAMELESS) == []


def test_text_stands_out_from_its_ground(page: Opened) -> None:
    assert page.ask(CONTRASTS) == []


def test_landmarks_headings_and_ids_are_in_order(page: Opened) -> None:
    assert [page.count(tag) for tag in ("main", "body > header", "nav", "body > footer", "h1")] == [
        1,
        1,
        1,
        1,
        1,
    ]
    assert page.ask("document.documentElement.lang") == "en"
    ids = page.ask("[...document.querySelectorAll('[id]')].map((one) => one.id)")
    assert sorted(set(ids)) == sorted(ids)
    levels = page.ask(
        "[...document.querySelectorAll('h1, h2, h3, h4, h5, h6')].map((one) => +one.tagName[1])"
    )
    assert levels[0] == 1
    assert [pair for pair in pairwise(levels) if pair[1] - pair[0] > 1] == []
    pointed = page.ask(
        "[...document.querySelectorAll('[aria-labelledby], [aria-controls], label[for]')].map((one) => one.getAttribute('aria-labelledby') ?? one.getAttribute('aria-controls') ?? one.htmlFor)"
    )
    assert set(pointed) <= set(ids)


def test_tables_say_what_they_are_and_what_scrolls_can_be_reached(page: Opened) -> None:
    assert page.count("table:not(:has(caption))") == 0
    assert page.count("table:not(:has(th[scope=col]))") == 0
    assert page.count(".scroll:not([tabindex='0']), pre:not([tabindex='0'])") == 0


def test_status_is_never_told_by_colour_alone(page: Opened) -> None:
    for selector in ("#streams .chip", "#findings .chip", "#causes .chip", "#verdict .chip"):
        assert all(text.strip() for text in page.page.locator(selector).all_inner_texts()), selector
    labels = page.ask(
        "[...document.querySelectorAll('g.node[role=button]')].map((one) => one.getAttribute('aria-label'))"
    )
    assert all(
        any(word in label for word in ("critical", "degraded", "healthy", "not known")) for label in labels
    )
