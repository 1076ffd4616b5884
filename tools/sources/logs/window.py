"""The fold of all lines into what log rules see: templates, traces, secrets and every service's activity.

It is a pure function of the lines and ticks it is given, so a recording gives the same records. Bounded: 50,000
templates and 32 MB of their examples; the templates that were seen longest ago go first.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from msgspec.structs import replace

from tools import linear
from tools.sources.logs import classify, figures, names, parse
from tools.sources.logs.activity import Activity
from tools.sources.logs.digits import apart, own_name, without_digits
from tools.sources.logs.templates import message_ids, template_of
from tools.sources.logs.trace_lines import exception_in
from tools.sources.logs.traces import Assembler, Trace
from tools.sources.logs.variable_words import Key, VariableWords
from tools.sources.logs.window_state import Template, WindowState
from tools.sources.records import LogLine

TEMPLATES_MAX = 50_000
EXAMPLES_CHARACTERS_MAX = 32 * 1024 * 1024
TIMES_MAX = 64
TRACE_IDLE_MS = 300
"""A held trace without a new line for this long is complete."""
UNDECIDED_IDLE_MS = 3000
"""One that may have ended its process waits this long for the line that tells: a start takes a while."""
SECRETS_MAX = 1000
"""Of one tick."""
_SERVICES_MAX = 1000
_CACHE_MAX = 20_000
_KEPT_TEMPLATES = 300
_KEPT_TIMES = 32
IDS_MAX = 20
_EXAMPLE_CHARACTERS = 4000
_FRAMES = linear.compile(
    r'\n\s+at \S|\n[\s|+]*File "[^"]+", line \d|^stack backtrace:|\nstack backtrace:|\ngoroutine \d|^goroutine \d|\n\t\S+\.go:\d+|^Traceback'
)


class Judged(NamedTuple):
    """What a line is: its verdict ("": nothing that rules look at) and template, and the stack trace in it."""

    verdict: str
    template: str
    trace: str | None = None


class Later(NamedTuple):
    """A line that becomes a record where somebody looks at it."""

    service: str
    source: str
    position: int
    make: Callable[[], LogLine]


class Group(NamedTuple):
    """Lines of one source and template that were read together: how many, and the times of the newest.

    `first` is the first of them where the template is new, `last` the newest.
    """

    verdict: str
    template: str
    lines: int
    times_ms: tuple[int, ...]
    first: LogLine | Later
    last: LogLine | Later
    ids: tuple[str, ...] = ()
    trace: str | None = None
    figures: figures.Figures = ()


Item = LogLine | Trace | Group
"""What assembled lines are: single ones, whole traces, and lines that say the same."""


def last_of(item: Item) -> LogLine | Later:
    """The line that completes it."""
    return item if isinstance(item, LogLine) else item.last


def made(line: LogLine | Later) -> LogLine:
    """A line's record."""
    return line.make() if isinstance(line, Later) else line


class Window:
    """Lines in, by `fold`, and what they complete by `take`; at a tick's end `touched`, `secrets`, `activities`, `clear`."""

    def __init__(
        self,
        services: Iterable[str],
        since_ms: int,
        state: WindowState | None = None,
        learnt: Iterable[tuple[str, str]] = (),
    ) -> None:
        """`learnt`: services and templates in which names vary, as earlier sessions saw."""
        state = state or WindowState()
        self._since_ms = since_ms
        self._activities = {activity.service: activity for activity in state.activities}
        self._templates: OrderedDict[Key, Template] = OrderedDict(
            (item.key, item) for item in state.templates
        )
        self._words = VariableWords(((item.key, item.varied) for item in state.templates), learnt)
        self._characters = sum(item.size for item in state.templates)
        self._assemblers = {source: Assembler(held) for source, held in state.held.items()}
        self._verdicts: dict[int, Judged] = {}
        self._touched: dict[Key, Template] = {}
        self._examples: dict[Key, Later] = {}
        """Of templates that were touched, the newest lines that are no records yet."""
        self.secrets: list[LogLine] = []
        for service in services:
            self.activity(service)

    def fold(self, line: LogLine) -> list[LogLine | Trace]:
        """Take one line; what it completes is for `take`, in order."""
        activity = self.activity(line.service)
        activity.take(line)
        if line.backfill:
            activity.take_format(line.format)
            return []
        if line.secrets and len(self.secrets) < SECRETS_MAX:
            self.secrets.append(line)
        return self.assembler(line.source).feed(line)

    def assembler(self, source: str) -> Assembler:
        """What puts a source's traces together."""
        found = self._assemblers.get(source)
        if found is None:
            found = self._assemblers[source] = Assembler()
        return found

    @property
    def is_full(self) -> bool:
        """Whether there is room for few more secrets in this tick."""
        return len(self.secrets) >= SECRETS_MAX // 2

    def knows(self, key: Key) -> bool:
        """Whether lines of that template were counted already."""
        return self._counted(key) is not None

    def wants_ids(self, key: Key) -> bool:
        """Whether there is room for more message ids of that template's new lines."""
        known = self._counted(key)
        return known is None or len(known.ids) < IDS_MAX

    def last_figure_ms(self, key: Key) -> int | None:
        """When lines of that template last told of their memory."""
        known = self._counted(key)
        return known.figures[-1][0] if known is not None and known.figures else None

    def settle(self, at_ms: int, *, final: bool = False) -> list[LogLine | Trace]:
        """What has waited long enough for its next line, for `take`; all of it when `final`."""
        items: list[LogLine | Trace] = []
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
        self._make_examples()
        return list(self._touched.values())

    def activities(self) -> list[Activity]:
        """Every service's activity, by name."""
        return [self._activities[name] for name in sorted(self._activities)]

    def clear(self) -> None:
        """Forget what was new."""
        self._make_examples()
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

    def activity(self, service: str) -> Activity:
        """How the output of one service flows."""
        activity = self._activities.get(service)
        if activity is None:
            if len(self._activities) >= _SERVICES_MAX:
                service = "(others)"
            activity = self._activities.setdefault(
                service, Activity(service=service, watched_since_ms=self._since_ms)
            )
        return activity

    def enrol(self, items: Sequence[Item]) -> None:
        """See what the lines of one block complete before it is taken: templates are known in the order of first lines."""
        if len(items) > 1:
            for item in sorted(items, key=_first_position):
                self._enrol(item)

    def _enrol(self, item: Item) -> None:
        if isinstance(item, Group):
            self._words.take((item.last.service, item.last.source, item.verdict, item.template))
            return
        if isinstance(item, Trace):
            for line in (*((item.before,) if item.before is not None else ()), *item.passing):
                self._enrol(line)
            line, judged = item.head, self.judge_trace(item)
        else:
            line, judged = item, self.judge(item)
        if judged.verdict and judged.verdict not in {classify.START, classify.STOP}:
            self._words.take((line.service, line.source, judged.verdict, judged.template))

    def take(self, item: Item) -> None:
        """Classify and count one line or trace, or count lines that say the same."""
        if isinstance(item, Group):
            self._count(item)
        elif isinstance(item, Trace):
            self._take_trace(item)
        else:
            if item.text and not item.text[0].isspace():
                self.activity(item.service).take_format(item.format)
            judged = self.judge(item)
            if judged.verdict == classify.START:
                self.activity(item.service).take_start(judged.template, item)
            elif judged.verdict == classify.STOP:
                self.activity(item.service).take_stops(() if item.when_ms is None else (item.when_ms,))
            elif judged.verdict:
                self._count(_alone(item, judged, item.text))

    def _take_trace(self, trace: Trace) -> None:
        if trace.before is not None:
            self.take(trace.before)
        for line in trace.passing:
            self.take(line)
        head = trace.head
        if head.level:
            self.activity(head.service).take_format(head.format)
        judged = self.judge_trace(trace)
        if judged.verdict:
            self._count(_alone(_spanning(head, trace.last), judged, trace.text))

    @staticmethod
    def judge_trace(trace: Trace) -> Judged:
        """What a whole trace is."""
        head, exception = trace.head, trace.exception
        verdict = classify.classify_trace(head, trace.text, exception, bare=trace.bare, above=trace.aside)
        return (
            Judged(verdict, names.of_trace(head, exception, trace.text), trace.text) if verdict else NOTHING
        )

    def judge(self, line: LogLine) -> Judged:
        """What a line by itself is."""
        if not classify.is_candidate(line):
            return NOTHING
        if "\\n" in line.text and line.format == "json":
            data = parse.decode(line.text)
            stack = None if data is None else parse.stack_of(data)
            if stack is not None and _FRAMES.search(stack):
                exception = exception_in(stack)
                verdict = classify.classify_trace(line, stack, exception, bare=False)
                return (
                    Judged(verdict, names.of_trace(line, exception, line.text), stack) if verdict else NOTHING
                )
        return self._verdict(line)

    def _verdict(self, line: LogLine) -> Judged:
        if line.format == "access":
            verdict = classify.classify(line)
            return Judged(verdict, names.of_request(line.text) if verdict else "")
        said = without_digits(apart(line.text.encode("utf-8", "replace"), own_name(line.service)))
        key = hash((line.service, line.level or "", line.format, said))
        plain = not classify.figures_matter(line)
        if plain and (known := self._verdicts.get(key)) is not None:
            return known
        verdict = classify.classify(line)
        found = Judged(verdict, template_of(classify.spoken(line) or line.text) if verdict else "")
        if plain:
            if len(self._verdicts) >= _CACHE_MAX:
                self._verdicts.clear()
            self._verdicts[key] = found
        return found

    def _counted(self, key: Key) -> Template | None:
        template = self._words.find(key)
        return None if template is None else self._templates.get((*key[:3], template))

    def _make_examples(self) -> None:
        for key, line in self._examples.items():
            item = self._templates[key]
            self._characters -= item.size
            item.example = _example(line.make())
            self._characters += item.size
        self._examples.clear()

    def _count(self, group: Group) -> None:
        last = group.last
        own = (last.service, last.source, group.verdict, group.template)
        template = self._words.take(own)
        key = (*own[:3], template)
        item = self._templates.get(key)
        if item is None:
            item = self._templates[key] = Template(
                service=last.service,
                source=last.source,
                verdict=group.verdict,
                template=template,
                first=_example(made(group.first)),
                example=_example(made(last)),
                varied=key != own,
            )
        else:
            self._characters -= item.size
            self._templates.move_to_end(key)
            if group.first.position < item.first.position:
                item.first = _example(made(group.first))
            self._examples.pop(key, None)
            if isinstance(last, Later):
                self._examples[key] = last
            else:
                item.example = _example(last)
        item.total += group.lines
        item.new += group.lines
        item.trace = group.trace or item.trace
        item.figures = figures.joined(item.figures, group.figures)
        item.times_ms += group.times_ms
        del item.times_ms[:-TIMES_MAX]
        if len(item.ids) < IDS_MAX:
            item.ids += [found for found in group.ids if found not in item.ids]
        self._characters += item.size
        self._touched.pop(key, None)
        self._touched[key] = item


NOTHING = Judged("", "")


def _first_position(item: Item) -> int:
    if isinstance(item, Trace):
        return (item.before or item.head).position
    return item.first.position if isinstance(item, Group) else item.position


def _alone(line: LogLine, judged: Judged, text: str) -> Group:
    times = () if line.when_ms is None else (line.when_ms,)
    ids = message_ids(text)
    told = figures.figures_of((line,)) if judged.verdict == classify.TOLD else ()
    return Group(judged.verdict, judged.template, 1, times, line, line, ids, judged.trace, told)


def _example(line: LogLine) -> LogLine:
    if len(line.text) <= _EXAMPLE_CHARACTERS:
        return line
    return replace(line, text=line.text[:_EXAMPLE_CHARACTERS])


def _spanning(head: LogLine, last: LogLine) -> LogLine:
    length = last.byte_offset + last.byte_length - head.byte_offset
    return replace(head, byte_length=max(length, head.byte_length), position=last.position)
