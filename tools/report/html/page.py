"""`report.html`: one file that opens offline. The report's data, the scripts that show it, and nothing fetched.

The page is the same for every report but for its title and its data. The data stands in a block of JSON that no
parser of markup can leave early; the scripts put its texts into the page as text, never as markup. A content security
policy allows the one script and the one style sheet by their hashes, and no request at all.
"""

from __future__ import annotations

import base64
import hashlib
import html
from functools import cache
from pathlib import Path

import msgspec
from msgspec import structs

from tools.report.model import Report

FILE = "report.html"
FINDINGS_MAX = 20_000
"""Findings in a page, the worst first: about 40 MB. A browser opens that in seconds; all are in `all-findings.json`."""
_FOLDER = Path(__file__).resolve().parent
_SCRIPTS = (
    "vendor/uplot.js",
    "vendor/dagre.js",
    "front/text.js",
    "front/data.js",
    "front/comparison.js",
    "front/verdict.js",
    "front/clusters.js",
    "front/timeline.js",
    "front/topology.js",
    "front/streams.js",
    "front/flows.js",
    "front/finding.js",
    "front/findings.js",
    "front/plan.js",
    "front/gaps.js",
    "front/page.js",
)
"""In the order in which they are run; those of ours share one scope that nothing else sees."""
_STYLES = ("vendor/uplot.css", "front/page.css")
_JSON_ESCAPES = {
    character.encode(): b"\\u%04x" % ord(character) for character in ("<", ">", "&", "\u2028", "\u2029")
}


def render(report: Report, findings_max: int = FINDINGS_MAX) -> str:
    """The whole page of a report whose texts are masked; of more than `findings_max` findings the first ones."""
    script, style = _script(), _style()
    parts = {
        "policy": _policy(script, style),
        "title": html.escape(f"Audit report {report.session_id}"),
        "session": html.escape(report.session_id),
        "style": style,
        "script": script,
        "data": _embedded(structs.replace(report, findings=report.findings[:findings_max])),
        "left": str(max(0, len(report.findings) - findings_max)),
    }
    page = _read("front/page.html")
    pieces = page.split("{{")
    for at, piece in enumerate(pieces[1:], start=1):
        name, _, rest = piece.partition("}}")
        pieces[at] = parts[name] + rest
    return "".join(pieces)


def _embedded(report: Report) -> str:
    """JSON that means the same and holds no character that could end its block."""
    encoded = msgspec.json.encode(report)
    for (
        character,
        escape,
    ) in _JSON_ESCAPES.items():  # in bytes: a text with one letter that is not ASCII is slow to map
        encoded = encoded.replace(character, escape)
    return encoded.decode()


def _policy(script: str, style: str) -> str:
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src '{_hash(script)}'",
            f"style-src '{_hash(style)}'",
            "base-uri 'none'",
            "form-action 'none'",
            "require-trusted-types-for 'script'",
            "trusted-types 'none'",
        )
    )


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


@cache
def _script() -> str:
    vendored = [_read(name) for name in _SCRIPTS if name.startswith("vendor/")]
    ours = [_read(name) for name in _SCRIPTS if not name.startswith("vendor/")]
    return "\n".join((*vendored, '(() => {\n"use strict";', *ours, "})();\n"))


@cache
def _style() -> str:
    return "\n".join(_read(name) for name in _STYLES)


def _read(name: str) -> str:
    return (_FOLDER / name).read_text(encoding="utf-8")
