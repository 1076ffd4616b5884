"""A page in a browser, with what it complained of and asked for."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

from playwright.sync_api import Browser, Dialog, Page

Scheme = Literal["light", "dark"]
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PATIENCE_MS = 30_000
"""For a machine that is busy: what is waited for comes in a moment."""


class Opener(Protocol):
    """Opens a page's text."""

    def __call__(
        self, page: str, *, width: int = ..., scheme: Scheme = ..., fragment: str = ...
    ) -> Opened: ...


@dataclass
class Opened:
    """One page. `complaints` are console messages, uncaught errors and dialogs; `requests` are addresses."""

    page: Page
    url: str
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, browser: Browser, path: Path, *, width: int, scheme: Scheme, fragment: str) -> Opened:
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
        page = context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        opened = cls(page, path.as_uri())
        page.on("console", lambda message: opened.complaints.append(message.text))
        page.on("pageerror", lambda error: opened.complaints.append(str(error)))
        page.on("dialog", opened._dismiss)
        page.on("request", lambda request: opened.requests.append(request.url.split("#")[0]))
        page.goto(opened.url + fragment)
        return opened

    def _dismiss(self, dialog: Dialog) -> None:
        self.complaints.append(dialog.message)
        dialog.dismiss()

    def ask(self, expression: str, argument: object = None) -> Any:
        """What an expression is in the page."""
        return self.page.evaluate(expression, argument)

    def text(self, selector: str) -> str:
        """The text of the first such element, as a reader sees it."""
        return self.page.inner_text(selector)

    def count(self, selector: str) -> int:
        """How many such elements there are."""
        return self.page.locator(selector).count()

    def close(self) -> None:
        """Close it with all that belongs to it."""
        self.page.context.close()
