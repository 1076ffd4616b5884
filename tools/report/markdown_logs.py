"""What the logs said, in Markdown: templates with an example each, and the lines that were expected."""

from __future__ import annotations

from tools.report.markdown_places import links
from tools.report.markdown_text import code, fold, inline, table
from tools.report.model import LogTemplate, Report

ROWS_MAX = 100
_TEMPLATE_CHARS = 400
"""A template is never longer, so what is shown can be copied into `[[logs.expected]]`."""
_EXAMPLE_CHARS = 160


def logs(report: Report) -> str:
    """Both tables with their headings; "" where no finding is about lines."""
    told = [row for row in report.log_templates if row.expected is None]
    expected = [row for row in report.log_templates if row.expected is not None]
    parts: list[str] = []
    if told:
        parts += [
            "### What the logs said",
            fold(f"{len(told)} kinds of lines that findings are about", _told(told)),
        ]
        parts.append(
            "`<*>` stands for what varies. Lines that are meant to come are named in `[[logs.expected]]` with their"
            " template, a reason and a last day."
        )
    if expected:
        parts += ["### Expected lines", _expected(expected)]
    return "\n\n".join(parts)


def _told(rows: list[LogTemplate]) -> str:
    head = ("service", "template", "lines", "how often", "an example", "findings")
    text = table(
        head,
        (
            (
                code(row.service, 80),
                code(row.template, _TEMPLATE_CHARS),
                str(row.lines),
                inline(row.pattern),
                code(row.example, _EXAMPLE_CHARS),
                links(row.finding_ids),
            )
            for row in rows[:ROWS_MAX]
        ),
    )
    return text if len(rows) <= ROWS_MAX else f"{text}\n\n{len(rows) - ROWS_MAX} more are in `report.json`."


def _expected(rows: list[LogTemplate]) -> str:
    head = ("service", "template", "expected", "an example", "finding")
    return table(
        head,
        (
            (
                code(row.service, 80),
                code(row.template, _TEMPLATE_CHARS),
                f"{row.lines} {'line' if row.lines == 1 else 'lines'}: {inline(row.expected or '')}",
                code(row.example, _EXAMPLE_CHARS),
                links(row.finding_ids),
            )
            for row in rows[:ROWS_MAX]
        ),
    )
