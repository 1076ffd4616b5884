"""A real browser for the pages that are made here. It is a module's own, and gone before the next module begins."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.report.html.opened import NAMES, Opened, Opener, Scheme


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        pytest.skip("no Chromium on PATH")
    with sync_playwright() as playwright:
        # Its sandbox needs rights that containers do not give; what it opens is a file of ours.
        opened = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture
def show(browser: Browser, tmp_path: Path) -> Iterator[Opener]:
    """Opens a report as a page; at the end nothing may have been said on the console or asked of a network."""
    opened: list[Opened] = []

    def opener(page: str, *, width: int = 1280, scheme: Scheme = "light", fragment: str = "") -> Opened:
        path = tmp_path / f"page-{len(opened)}.html"
        path.write_text(page, encoding="utf-8")
        opened.append(Opened.of(browser, path, width=width, scheme=scheme, fragment=fragment))
        return opened[-1]

    yield opener
    for one in opened:
        one.close()
    assert [one.complaints for one in opened] == [[] for _ in opened]
    assert [one.requests for one in opened] == [[one.url] for one in opened]
