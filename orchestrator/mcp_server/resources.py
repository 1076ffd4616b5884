"""The report and the findings as MCP resources, page by page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote, unquote

import mcp_types as types

from orchestrator.mcp_server import visible
from orchestrator.mcp_server.place import Known, SessionPlace
from tools.errors import FunctionRefused
from tools.functions import calling
from tools.masking import mask

SCHEME = "streamgauge://"
LISTED = 50
"""Findings of one page of `resources/list`."""
TEXT_MAX = 400_000
"""Characters of a resource: about 100,000 tokens. Longer reports are read by section."""
SECTIONS = 8
_MARKDOWN, _JSON = "text/markdown", "application/json"

_FIXED = (
    ("session", "What is audited, how much of the window is left, how far the session sees.", _JSON),
    ("report", "The report as Markdown; while a session runs there is none yet.", _MARKDOWN),
    ("findings", "The findings so far in short, oldest first, with the place of the next page.", _JSON),
)
_TEMPLATES = (
    ("report/{section}", "One section of the report, 1 to 8.", _MARKDOWN),
    ("finding/{id}", "One finding whole, for example finding/RSA-001.", _JSON),
    ("findings/{page}", "A further page of the findings; `next` of the page before names it.", _JSON),
)


def listed(place: SessionPlace, cursor: str | None) -> types.ListResourcesResult:
    """What there is: the fixed ones on the first page, then each finding. Raises FunctionRefused for a bad cursor."""
    found = [] if cursor else [_resource(*fixed) for fixed in _FIXED]
    try:
        answer = _called(place.current(), "findings_list", {"limit": LISTED, "page": cursor or ""})
    except FunctionRefused:
        if cursor:
            raise
        return types.ListResourcesResult(resources=found)  # no session yet
    items = answer["items"]
    found += [_resource(f"finding/{item['id']}", _words(item), _JSON) for item in items]
    return types.ListResourcesResult(resources=found, next_cursor=answer["nextPage"])


def templates() -> types.ListResourceTemplatesResult:
    """What can be asked for by name."""
    made = [
        types.ResourceTemplate(
            uri_template=SCHEME + path, name=path.split("/")[0], description=words, mime_type=kind
        )
        for path, words, kind in _TEMPLATES
    ]
    return types.ListResourceTemplatesResult(resource_templates=made)


def read(place: SessionPlace, uri: str) -> types.ReadResourceResult:
    """One resource. Raises FunctionRefused for what is not there, OSError."""
    if not uri.startswith(SCHEME):
        raise _unknown(uri)
    kind, _, rest = uri.removeprefix(SCHEME).partition("/")
    known = place.current()
    if kind == "report":
        return _contents(uri, _section(report_text(known), rest) if rest else report_text(known), _MARKDOWN)
    if kind == "session" and not rest:
        return _json(uri, _called(known, "session_coverage", {}))
    if kind == "finding" and rest:
        return _json(uri, _called(known, "findings_get", {"id": unquote(rest)}))
    if kind == "findings":
        page = _called(known, "findings_list", {"page": unquote(rest)})
        mark = page["nextPage"]
        return _json(uri, page | {"next": mark and f"{SCHEME}findings/{quote(mark, safe='')}"})
    raise _unknown(uri)


def report_text(known: Known) -> str:
    """The report of the session. Raises FunctionRefused while there is none, OSError."""
    workspace = known.desk.workspace
    path = workspace.report(known.facts.session_id)
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError as error:
        raise FunctionRefused(
            "There is no report yet: it is written when the session is over (streamgauge://session tells)."
        ) from error


def _section(report: str, wanted: str) -> str:
    if wanted not in {str(number) for number in range(1, SECTIONS + 1)}:
        raise FunctionRefused(f"The report has sections 1 to {SECTIONS}: streamgauge://report/1, and so on.")
    lines = [line for number, line in _numbered(report) if number == int(wanted)]
    if not lines:
        raise FunctionRefused(f"This report has no section {wanted}: read streamgauge://report.")
    return "\n".join(lines)


def _numbered(report: str) -> Iterator[tuple[int, str]]:
    """Each line with its section: 0 before the first, 9 after the last. What is fenced opens none."""
    section, fence = 0, ""
    for line in report.split("\n"):
        mark = line[: len(line) - len(line.lstrip("`"))]
        if fence:
            fence = "" if len(mark) >= len(fence) and line.strip() == mark else fence
        elif len(mark) >= 3:
            fence = mark
        elif line.startswith("## "):
            numbered = line.startswith(f"## {section + 1}. ")
            section = section + 1 if numbered else SECTIONS + 1 if section == SECTIONS else section
        yield section, line


def _called(known: Known, name: str, arguments: Mapping[str, object]) -> dict[str, Any]:
    answer = calling.call(name, arguments, known.desk)
    if not answer.ok:
        raise FunctionRefused(answer.error or "refused")
    return dict(answer.data)


def _resource(path: str, words: str, kind: str) -> types.Resource:
    return types.Resource(uri=SCHEME + path, name=path, description=words, mime_type=kind)


def _words(item: Mapping[str, Any]) -> str:
    return visible.text(f"{item['level']} {item['category']}: {item['title']}")[:300]


def _json(uri: str, data: Mapping[str, Any]) -> types.ReadResourceResult:
    return _contents(uri, calling.canonical(data), _JSON)


def _contents(uri: str, text: str, kind: str) -> types.ReadResourceResult:
    if len(text) > TEXT_MAX:
        raise FunctionRefused(
            f"It has {len(text)} characters, more than {TEXT_MAX}: read a section (streamgauge://report/1), or the file."
        )
    contents = types.TextResourceContents(uri=uri, mime_type=kind, text=visible.text(text))
    return types.ReadResourceResult(contents=[contents])


def _unknown(uri: str) -> FunctionRefused:
    return FunctionRefused(
        f"There is no resource {visible.text(mask(uri))[:80]!r}: "
        "streamgauge://session, report, report/1 to 8, findings, finding/ID."
    )
