"""What became of messages until the end, in figures: what waits, what hangs, what failed for good, who timed out.

Only of streams about which something serious is open, and only figures that were counted: a lag that is a bound says so.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tools.findings.model import Finding, LogCategory, LogFinding, StreamFinding
from tools.report.context import Context
from tools.report.streams_model import StreamHealth

_DEAD_LETTERS = "stream.dead-letter"


def told(context: Context, streams: Sequence[StreamHealth]) -> str:
    """One sentence, or "" where nothing serious tells of any harm."""
    parts = [*_of_groups(streams), *_of_findings(context)]
    return f"{'; '.join(parts)}." if parts else ""


def _of_groups(streams: Sequence[StreamHealth]) -> Iterator[str]:
    groups = [(row, group) for row in streams if row.status != "HEALTHY" for group in row.groups]
    late = sorted(
        ((group.lag, row.stream, group.name) for row, group in groups if group.lag),
        key=lambda one: (-one[0], one[1:]),
    )
    if late:
        bound = any(group.lag_source == "bound" for _, group in groups)
        most, stream, name = late[0]
        in_all = sum(lag for lag, _, _ in late)
        where = (
            f"on {stream} for {name}"
            if len(late) == 1
            else f"in {len(late)} groups, {most:,} of them on {stream} for {name}"
        )
        yield f"{'at least ' if bound else ''}{_messages(in_all)} not read yet ({where})"
    held = sum(group.pending for _, group in groups)
    if held:
        yield f"{_messages(held)} taken and not acknowledged"


def _of_findings(context: Context) -> Iterator[str]:
    for finding in context.serious:
        if isinstance(finding, StreamFinding) and finding.rule_id == _DEAD_LETTERS:
            yield f"{_messages(finding.occurrences)} given up to {finding.stream}"
    waits = max(
        filter(_is_wait, context.serious), key=lambda one: (one.occurrences, one.finding_id), default=None
    )
    if isinstance(waits, LogFinding) and waits.occurrences > 1:
        yield f"{waits.occurrences:,} lines of {waits.service} tell of time-outs"


def _is_wait(finding: Finding) -> bool:
    return isinstance(finding, LogFinding) and finding.category is LogCategory.TIMEOUT


def _messages(count: int) -> str:
    return f"{count:,} message{'' if count == 1 else 's'}"
