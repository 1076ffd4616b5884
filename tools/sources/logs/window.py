"""The fold of all lines into what log rules see: templates, traces, secrets and every service's activity.

It is a pure function of the lines and ticks it is given, so a recording gives the same records. Bounded: 50,000
templates and 32 MB of their examples; the templates that were seen longest ago go first.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable

import re2
from msgspec import Struct
from msgspec.structs import replace

from tools.memory_figures import figure_of
from tools.sources.logs import classify, parse
from tools.sources.logs.activity import Activity
from tools.sources.logs.templates import message_ids, template_of
from tools.sources.logs.trace_lines import exception_of
from tools.sources.logs.traces import Assembler, Held, Trace
from tools.sources.records import LogLine

TEMPLATES_MAX = 50_000
EXAMPLES_CHARACTERS_MAX = 32 * 1024 * 1024
TIMES_MAX = 64
TRACE_IDLE_MS = 300
"""A held trace without a new line for this long is complete."""
UNDECIDED_IDLE_MS = 3000
"""One that may have ended its process waits this long for the line that tells: a start takes a while."""
_SECRETS_MAX = 1000
_SERVICES_MAX = 1000
_CACHE_MAX = 20_000
_KEPT_TEMPLATES = 300
_KEPT_TIMES = 32
_IDS_MAX = 20
_EXAMPLE_CHARACTERS = 4000
_FIGURE_EVERY_MS = 5000
_FIGURES_MAX = 256
_NO_DIGITS = {ord(digit): None for digit in "0123456789"}
_FRAMES = re2.compile(
    r'\n\s+at \S|\n[\s|+]*File "[^"]+", line \d|^stack backtrace:|\nstack backtrace:|\ngoroutine \d|^goroutine \d|\n\t\S+\.go:\d+|^Traceback'
)
_BELOW = re2.compile(r"\nTraceback \(most recent call last\):\n")
_REQUEST = re2.compile(r"\b(GET|POST|PUT|PATCH|DELETE|HEAD|OPTIONS) ([^\s?\"]{1,300})")
_SEGMENT = re2.compile(r"[^/\s]*\d[^/\s]*")

Key = tuple[str, str, str, str]
"""Service, source, verdict, template."""


class Template(Struct, kw_only=True):
    """Lines of one service and source that differ only in numbers, ids and times."""

    service: str
    source: str
    verdict: str
    template: str
    first: LogLine
    example: LogLine
    total: int = 0
    new: int = 0
    times_ms: list[int] = []
    trace: str | None = None
    ids: list[str] = []
    figures: list[tuple[int, int]] = []
    """Times in ms and bytes of memory, where the lines say how much they take."""

    def take_figure(self) -> None:
        """Note what the newest line says of its memory, at most once in five seconds."""
        found = None if self.verdict != classify.TOLD else figure_of(self.example.text)
        at_ms = self.example.when_ms
        if (
            found is None
            or at_ms is None
            or (self.figures and at_ms - self.figures[-1][0] < _FIGURE_EVERY_MS)
        ):
            return
        if len(self.figures) >= _FIGURES_MAX:
            self.figures = self.figures[::2]
        self.figures = [*self.figures, (at_ms, found.bytes)]

    @property
    def key(self) -> Key:
        """Its identity."""
        return self.service, self.source, self.verdict, self.template

    @property
    def size(self) -> int:
        """Characters that it holds, about."""
        return len(self.first.text) + len(self.example.text) + len(self.trace or "") + 500


class WindowState(Struct, kw_only=True):
    """What a new attempt continues from; the templates in it are the newest 300."""

    activities: list[Activity] = []
    templates: list[Template] = []
    held: dict[str, Held] = {}


Item = LogLine | Trace
"""What assembled lines are: single ones and whole traces."""


class Window:
    """Lines in, by `fold`, and what they complete by `take`; at a tick's end `touched`, `secrets`, `activities`, `clear`."""

    def __init__(self, services: Iterable[str], since_ms: int, state: WindowState | None = None) -> None:
        state = state or WindowState()
        self._since_ms = since_ms
        self._activities = {activity.service: activity for activity in state.activities}
        self._templates: OrderedDict[Key, Template] = OrderedDict(
            (item.key, item) for item in state.templates
        )
        self._characters = sum(item.size for item in state.templates)
        self._assemblers = {source: Assembler(held) for source, held in state.held.items()}
        self._verdicts: dict[tuple[str | None, str, str], tuple[str, str]] = {}
        self._touched: dict[Key, Template] = {}
        self.secrets: list[LogLine] = []
        for service in services:
            self._activity(service)

    def fold(self, line: LogLine) -> list[Item]:
        """Take one line; what it completes is for `take`, in order."""
        activity = self._activity(line.service)
        activity.take(line)
        if line.backfill:
            activity.take_format(line.format)
            return []
        if line.secrets and len(self.secrets) < _SECRETS_MAX:
            self.secrets.append(line)
        assembler = self._assemblers.get(line.source)
        if assembler is None:
            assembler = self._assemblers[line.source] = Assembler()
        return assembler.feed(line)

    def settle(self, at_ms: int, *, final: bool = False) -> list[Item]:
        """What has waited long enough for its next line, for `take`; all of it when `final`."""
        items: list[Item] = []
        for assembler in self._assemblers.values():
            held = assembler.held
            if held is None:
                continue
            limit_ms = UNDECIDED_IDLE_MS if assembler.undecided else TRACE_IDLE_MS
            if final or at_ms - held.lines[held.own_at].arrived_ms >= limit_ms:
                items += assembler.close()
        return items

    def touched(self) -> list[Template]:
        """Templates with new lines since `clear`, in order of their newest line."""
        return list(self._touched.values())

    def activities(self) -> list[Activity]:
        """Every service's activity, by name."""
        return [self._activities[name] for name in sorted(self._activities)]

    def clear(self) -> None:
        """Forget what was new."""
        for item in self._touched.values():
            self._characters -= len(item.trace or "")
            item.new, item.trace, item.ids = 0, None, []
        self._touched.clear()
        self.secrets.clear()
        for activity in self._activities.values():
            activity.backwards = None
        while len(self._templates) > TEMPLATES_MAX or self._characters > EXAMPLES_CHARACTERS_MAX:
            _, gone = self._templates.popitem(last=False)
            self._characters -= gone.size

    def state(self) -> WindowState:
        """What a restart needs; call it between `clear` and the next `fold`."""
        newest = [self._templates[key] for key in list(self._templates)[-_KEPT_TEMPLATES:]]
        held = {source: item.held for source, item in self._assemblers.items() if item.held is not None}
        short = [replace(item, times_ms=item.times_ms[-_KEPT_TIMES:]) for item in newest]
        return WindowState(activities=list(self._activities.values()), templates=short, held=held)

    def _activity(self, service: str) -> Activity:
        activity = self._activities.get(service)
        if activity is None:
            if len(self._activities) >= _SERVICES_MAX:
                service = "(others)"
            activity = self._activities.setdefault(
                service, Activity(service=service, watched_since_ms=self._since_ms)
            )
        return activity

    def take(self, item: Item) -> None:
        """Classify and count one line or trace."""
        if isinstance(item, Trace):
            if item.before is not None:
                self.take(item.before)
            for line in item.passing:
                self.take(line)
            verdict = classify.classify_trace(item.head, item.text, item.exception, bare=item.bare)
            self._activity(item.head.service).take_format(item.head.format) if item.head.level else None
            if verdict:
                template = _trace_template(item.head, item.exception, item.text)
                self._count(_spanning(item.head, item.last), verdict, template, item.text)
            return
        if item.text and not item.text[0].isspace():
            self._activity(item.service).take_format(item.format)
        if classify.is_candidate(item):
            self._take_candidate(item)

    def _take_candidate(self, line: LogLine) -> None:
        if "\\n" in line.text and line.format == "json":
            data = parse.decode(line.text)
            stack = None if data is None else parse.stack_of(data)
            if stack is not None and _FRAMES.search(stack):
                head = stack.strip().split("\n", 1)[0]
                exception = exception_of(stack.split("\n")) if "Traceback (most" in head else head
                verdict = classify.classify_trace(line, stack, exception, bare=False)
                if verdict:
                    self._count(line, verdict, _trace_template(line, exception, line.text), stack)
                return
        verdict, template = self._verdict(line)
        if verdict == classify.START:
            self._activity(line.service).take_start(template, line)
        elif verdict:
            self._count(line, verdict, template, None)

    def _verdict(self, line: LogLine) -> tuple[str, str]:
        if line.format == "access":
            verdict = classify.classify(line)
            return verdict, _access_template(line.text) if verdict else ""
        key = (line.level, line.format, line.text[:2000].translate(_NO_DIGITS))
        plain = not classify.figures_matter(line)
        if plain and (known := self._verdicts.get(key)) is not None:
            return known
        verdict = classify.classify(line)
        found = verdict, template_of(classify.spoken(line) or line.text) if verdict else ""
        if plain:
            if len(self._verdicts) >= _CACHE_MAX:
                self._verdicts.clear()
            self._verdicts[key] = found
        return found

    def _count(self, line: LogLine, verdict: str, template: str, trace: str | None) -> None:
        key = (line.service, line.source, verdict, template)
        example = (
            line
            if len(line.text) <= _EXAMPLE_CHARACTERS
            else replace(line, text=line.text[:_EXAMPLE_CHARACTERS])
        )
        item = self._templates.get(key)
        if item is None:
            item = self._templates[key] = Template(
                service=line.service,
                source=line.source,
                verdict=verdict,
                template=template,
                first=example,
                example=example,
            )
        else:
            self._characters -= item.size
            self._templates.move_to_end(key)
        item.total += 1
        item.new += 1
        item.example, item.trace = example, trace or item.trace
        item.take_figure()
        if line.when_ms is not None:
            item.times_ms.append(line.when_ms)
            if len(item.times_ms) > TIMES_MAX:
                del item.times_ms[0]
        if len(item.ids) < _IDS_MAX:
            item.ids += [found for found in message_ids(trace or line.text) if found not in item.ids]
        self._characters += item.size
        self._touched.pop(key, None)
        self._touched[key] = item


def _trace_template(head: LogLine, exception: str, text: str) -> str:
    said = template_of(classify.spoken(head)) if head.level is not None or head.message else ""
    thrown = template_of(exception.strip())
    if thrown in said:
        return said
    if said in thrown:
        return thrown
    # A Python trace below a line may be another one's: what was thrown is known, whose it is is not.
    return f"{thrown} | {said}" if _BELOW.search(text) else f"{said} | {thrown}"


def _access_template(text: str) -> str:
    match = _REQUEST.search(text)
    status = parse.status_of(text)
    if match is None:
        return f"HTTP {status}"
    return f"{match.group(1)} {_SEGMENT.sub('<*>', match.group(2))} {status}"


def _spanning(head: LogLine, last: LogLine) -> LogLine:
    length = last.byte_offset + last.byte_length - head.byte_offset
    return replace(head, byte_length=max(length, head.byte_length), position=last.position)
