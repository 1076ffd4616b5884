"""A stack trace (node, python, java, go, rust) in a service's output, captured whole with its causes.

It is a failure whose place in the code is known: the cheapest kind to mend.
"""

from __future__ import annotations

from collections.abc import Iterator

import re2

from tools.detectors.contract import LogView
from tools.detectors.logs import cause
from tools.detectors.logs.frequency import shortened, template_symptom
from tools.findings.model import AgentId, LogCategory, Severity
from tools.findings.rule import Rule, Symptom

RULE = Rule(
    id="log.stack-trace",
    agent=AgentId.LOG_WATCHER,
    category=LogCategory.BUG,
    severity=Severity.HIGH,
    condition=(
        "A stack trace. CRASH where it ended the process or nobody caught it, else BUG; CRITICAL where it is FATAL, unhandled"
        " or memory has run out."
    ),
)
RULES: tuple[Rule, ...] = (RULE,)
_VARIES = "<*>"
"""Stands in a template for what varies: a title says what one of the lines says there."""
_LIBRARY = r"node_modules|site-packages|dist-packages|node:internal|/usr/lib|/usr/local|/rustc/|java\.base|\bsun\.|\bjdk\.|\bjava\.|<frozen"
_FRAME = re2.compile(
    r'(?m)^\s+at .{0,300}$|^\s*File "[^"]{1,300}", line \d+.{0,200}$|^\t\S+\.go:\d+.{0,60}$|^\s+at \S+\.rs:\d+.{0,60}$'
)
_THROWN = re2.compile(r"^(?:[\w<>]+\.)*[A-Z_]\w*(?::|$)")
_PYTHON_FRAME = re2.compile(r'^File "([^"]+)", line (\d+)(?:, in (\S{1,100}))?')
_FOREIGN = re2.compile(_LIBRARY)


def detect(view: LogView) -> Iterator[Symptom]:
    """One symptom for each trace template that was seen in this tick."""
    for stats in view.unexpected:
        if not stats.verdict.startswith("trace"):
            continue
        text = stats.trace or stats.example.text
        crash = stats.verdict == "trace-fatal"
        worst = crash and (stats.example.level == "FATAL" or cause.is_uncaught(text))
        frame = _own_frame(text)
        yield template_symptom(
            RULE,
            stats,
            category=LogCategory.CRASH if crash else LogCategory.BUG,
            severity=Severity.CRITICAL if worst or cause.is_exhausted(text) else Severity.HIGH,
            title=f"{stats.service}: {_title(stats.template, frame, text)}",
            recommendation=_recommendation(stats.template, frame, text),
            hypothesis=_hypothesis(stats.service, crash=crash, uncaught=crash and cause.says_uncaught(text)),
        )


def _is_cut(template: str) -> bool:
    # The window names a Python trace by its last frame, or by nothing, where its exception never came.
    return not template or template.startswith('File "')


def _title(template: str, frame: str, text: str) -> str:
    if _is_cut(template):
        return shortened("a stack trace that was cut short" + (f", at {frame}" if frame else ""), 200)
    thrown, bar, _ = template.partition(" | ")
    said = _thrown(text)
    if _VARIES in thrown and said.startswith(thrown.partition(":")[0] + ":"):
        return said
    return shortened(thrown if bar and _THROWN.search(thrown) else template)


def _recommendation(template: str, frame: str, text: str) -> str:
    if _is_cut(template):
        where = f"look at {frame}, the last of its frames here" if frame else "look at the lines around it"
        return (
            f"The line that names the exception did not come: {where}, and write each line of output at once."
        )
    thrown, (place, source) = _thrown(text), _place(frame, text)
    if not place:
        return f"Find what throws {thrown or 'this'}, and repair what leads to it; the whole trace is the evidence."
    failed = f"Repair what makes {place} fail" + (f" with {thrown}" if thrown else "")
    return f"{failed}{f' ({source})' if source else ''}; the whole trace is the evidence."


def _thrown(text: str) -> str:
    """The exception in the service's own words: the last one of a Python trace, else the first."""
    found = [line.strip() for line in text.splitlines() if _THROWN.search(line.strip())]
    if not found:
        return ""
    return shortened(found[-1 if _is_python(text) else 0].rstrip(":"), 120)


def _place(frame: str, text: str) -> tuple[str, str]:
    """A frame as `path:line in function`, and the source line that Python prints below it."""
    match = _PYTHON_FRAME.match(frame)
    if match is None:
        return frame, ""
    path, line, function = match.groups()
    inside = f" in {function}" if function and not function.startswith("<") else ""
    below = text.rpartition(frame)[2].split("\n", 2)[1:2]
    source = below[0].strip() if below and below[0].startswith("    ") else ""
    return f"{path}:{line}{inside}", shortened(source, 120)


def _is_python(text: str) -> bool:
    return '\n  File "' in text


def _hypothesis(service: str, *, crash: bool, uncaught: bool) -> str:
    if uncaught:
        return f"{service} ended or lost a task on an error that nothing caught."
    if crash:
        return f"{service} most likely ended on this error: the trace was printed as for an error that is not handled."
    return f"{service} wrote an error with its stack trace; the work it belonged to was most likely not done."


def _own_frame(text: str) -> str:
    frames = [match.group(0).strip() for match in _FRAME.finditer(text)]
    own = [frame for frame in frames if not _FOREIGN.search(frame)] or frames
    if not own:
        return ""
    # Python prints the failing frame last, all others first.
    return shortened((own[-1] if own[0].startswith("File ") else own[0]).removeprefix("at "), 160)
