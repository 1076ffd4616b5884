"""The page's file: it holds the report's data and nothing that could fetch, run or hide anything else."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from msgspec.structs import replace

from tests.report.html.made_pages import HOSTILE, PASSWORD, html_of, large, nothing, shop
from tests.report.made_session import make
from tools.report.html import page
from tools.report.write import write_report

ROOT = Path(__file__).resolve().parents[3]
FOLDER = ROOT / "tools" / "report" / "html"


class Parsed(HTMLParser):
    """Tags with their attributes, and the texts of scripts and styles, as a browser would cut them."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[tuple[str, str]] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.texts.append((self.tags[-1][0] if self.tags else "", data))

    def only(self, tag: str) -> list[str]:
        """The texts in elements of that name."""
        return [text for name, text in self.texts if name == tag and text.strip()]

    @property
    def policy(self) -> str:
        """The content security policy."""
        found = [known["content"] for tag, known in self.tags if tag == "meta" and "http-equiv" in known]
        assert len(found) == 1
        return found[0] or ""


def hash_of(text: str) -> str:
    return "'sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() + "'"


def test_the_policy_allows_the_one_script_and_the_one_style_and_no_request(tmp_path: Path) -> None:
    parsed = Parsed(html_of(shop(tmp_path)))
    data, script = parsed.only("script")
    (style,) = parsed.only("style")
    assert data.startswith("{")
    assert parsed.policy.split("; ") == [
        "default-src 'none'",
        f"script-src {hash_of(script)}",
        f"style-src {hash_of(style)}",
        "base-uri 'none'",
        "form-action 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    ]


def test_no_element_names_an_address_or_an_inline_handler(tmp_path: Path) -> None:
    parsed = Parsed(html_of(shop(tmp_path)))
    for _, known in parsed.tags:
        assert not {"src", "srcset", "action", "data", "style"} & known.keys()
        assert [name for name in known if name.startswith("on")] == []
        assert (known.get("href") or "#").startswith("#")
    (style,) = parsed.only("style")
    assert not re.search(r"url\(|@import", style)


def test_the_data_of_the_page_is_report_json(tmp_path: Path) -> None:
    made = make(tmp_path, HOSTILE)
    write_report(made.workspace, made.project, made.clock)
    written = made.workspace.path(page.FILE).read_text(encoding="utf-8")
    data, _ = Parsed(written).only("script")
    assert not set("<>&\u2028\u2029") & set(data)
    assert json.loads(data) == json.loads(made.workspace.path("report.json").read_bytes())


def test_a_page_holds_the_worst_findings_and_says_how_many_it_leaves_out(tmp_path: Path) -> None:
    parsed = Parsed(page.render(large(shop(tmp_path), 103, 1), findings_max=100))
    (left,) = [known["data-left-out"] for _, known in parsed.tags if "data-left-out" in known]
    kept = json.loads(parsed.only("script")[0])["findings"]
    assert (left, len(kept)) == ("3", 100)
    assert [finding["findingId"] for finding in kept[:2]] == ["LW-1000", "LW-1001"]


def test_hostile_names_and_lines_add_no_tag(tmp_path: Path) -> None:
    calm, hostile = (
        Parsed(html_of(shop(tmp_path / name, text))) for name, text in (("calm", ""), ("bad", HOSTILE))
    )
    assert hostile.tags[1:] == calm.tags[1:]


def test_a_session_id_is_a_text_like_any_other(tmp_path: Path) -> None:
    report = replace(nothing(tmp_path), session_id='"><script>x</script>')
    parsed = Parsed(html_of(report))
    assert [tag for tag, _ in parsed.tags].count("script") == 2
    assert 'Audit report "><script>x</script>' in "".join(parsed.only("title"))


def test_no_secret_stands_in_the_page_and_the_same_session_gives_the_same_page(tmp_path: Path) -> None:
    made = make(tmp_path, f" {PASSWORD}")
    pages = []
    for _ in range(2):
        write_report(made.workspace, made.project, made.clock)
        pages.append(made.workspace.path(page.FILE).read_bytes())
    assert b"hunter2hunter2" not in pages[0]
    assert pages[0] == pages[1]


@pytest.mark.parametrize("path", sorted((FOLDER / "front").iterdir()), ids=lambda path: path.name)
def test_a_source_of_the_page_is_used_short_and_writes_no_markup(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    name = f"front/{path.name}"
    assert name in {*page._SCRIPTS, *page._STYLES, "front/page.html"}
    assert text.count("\n") <= 400
    for word in (
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "document.write",
        "eval(",
        "new Function",
        "fetch(",
    ):
        assert word not in text


def test_what_is_shipped_of_others_has_its_licence_and_a_reason() -> None:
    vendor = FOLDER / "vendor"
    reasons = (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8")
    for path in vendor.glob("*.js"):
        assert "Permission is hereby granted" in (vendor / f"{path.stem}.LICENSE").read_text(encoding="utf-8")
        assert f"`{path.name}`" in reasons
        assert not re.search(r"</script|<!--", path.read_text(encoding="utf-8"), re.IGNORECASE)
