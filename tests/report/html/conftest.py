"""A real browser for the pages that are made here. It is a module's own, and gone before the next module begins."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.report.html.made_pages import html_of, shop
from tests.report.html.opened import NAMES, Opened, Opener, Scheme
from tools.report.model import Report


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


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Report:
    """The report of a session in trouble; no test changes it."""
    return shop(tmp_path_factory.mktemp("session"))


@pytest.fixture(scope="module")
def markup(report: Report) -> str:
    """The page of that report."""
    return html_of(report)


@pytest.fixture
def show(browser: Browser, tmp_path: Path) -> Iterator[Opener]:
    """Opens pages that a test may do with as it likes."""
    with pages(browser, tmp_path) as opener:
        yield opener


@pytest.fixture(scope="module")
def show_to_all(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Opener]:
    """Opens pages that several tests look at and none changes."""
    with pages(browser, tmp_path_factory.mktemp("pages")) as opener:
        yield opener


@contextmanager
def pages(browser: Browser, folder: Path) -> Iterator[Opener]:
    """Opens a report as a page; at the end nothing may have been said on the console or asked of a network."""
    opened: list[Opened] = []

    def opener(page: str, *, width: int = 1280, scheme: Scheme = "light", fragment: str = "") -> Opened:
        path = folder / f"page-{len(opened)}.html"
        path.write_text(page, encoding="utf-8")
        opened.append(Opened.of(browser, path, width=width, scheme=scheme, fragment=fragment))
        return opened[-1]

    yield opener
    for one in opened:
        one.close()
    assert [one.complaints for one in opened] == [[] for _ in opened]
    assert [one.requests for one in opened] == [[one.url] for one in opened]
