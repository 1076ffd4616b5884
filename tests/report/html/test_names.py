"""Names of streams and groups break where their parts end, and elsewhere only where a part alone is too wide."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from tests.report.html.made_pages import html_of
from tests.report.html.opened import Opener
from tools.report.model import Report

LONG = "warehouse.payments:requested-again_by.customers:in-arrears_since.yesterday"
WHOLE = "x" * 300
LINES = """(element) => {
  const range = document.createRange();
  const lines = [];
  let top = null;
  const walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    for (let at = 0; at < node.length; at += 1) {
      range.setStart(node, at);
      range.setEnd(node, at + 1);
      const box = range.getBoundingClientRect();
      if (top === null || box.top > top + 3) lines.push("");
      top = box.top;
      lines[lines.length - 1] += node.data[at];
    }
  }
  return lines;
}"""


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("prefix", ["", "a-very-long-name-of-a-family-of-streams:"])
def test_a_stream_breaks_behind_a_separator(report: Report, show: Opener, width: int, prefix: str) -> None:
    row = replace(report.streams[0], stream=prefix + LONG)
    page = show(html_of(replace(report, streams=(row,), topology=())), width=width)
    shown = page.page.locator("#streams td .name").first
    lines = shown.evaluate(LINES)
    assert "".join(lines) == prefix + LONG
    assert len(lines) > 1
    assert all(line[-1] in ".:_-" for line in lines[:-1]), lines


@pytest.mark.parametrize("width", [1280, 390])
def test_a_name_of_one_part_breaks_where_it_must(report: Report, show: Opener, width: int) -> None:
    row = replace(report.streams[0], stream=WHOLE[:190])
    page = show(html_of(replace(report, streams=(row,), topology=())), width=width)
    assert page.ask("document.documentElement.scrollWidth") <= width


def test_a_name_is_copied_without_what_breaks_it(report: Report, show: Opener) -> None:
    row = replace(report.streams[0], stream=LONG)
    page = show(html_of(replace(report, streams=(row,), topology=())))
    assert page.page.locator("#streams td .name").first.inner_text() == LONG
