"""A stream or group that appeared since the baseline and that neither code, documents nor `[[expect]]` name.

Somebody writes where nobody expects it: a renamed stream, a flag that was switched on, a typing mistake. A name that
the code makes from a pattern is known where its run-time parts look like ids; a word that comes out of a flag or
a file is not.
"""

from __future__ import annotations

from collections.abc import Iterator

from tools.detectors.code import known
from tools.detectors.contract import ConfigView
from tools.detectors.streams.families import family_of
from tools.findings.model import AgentId, ConfigCategory, Severity
from tools.findings.rule import Rule, Symptom
from tools.sources.records import CodeKind, CodeUse, FactKind, GroupState, Poll, StreamState, plain_name

RULE = Rule(
    id="config.rogue-stream",
    agent=AgentId.CONFIG_AUDITOR,
    category=ConfigCategory.ROGUE_STREAM,
    condition="a stream (or family of streams) or group that is there now, was not in the baseline, and is in no code, "
    "document or [[expect]]; LOW where code and documents name no stream at all",
    severity=Severity.MEDIUM,
)
RULES: tuple[Rule, ...] = (RULE,)
_ID_LENGTH_MIN = 16


def detect(view: ConfigView) -> Iterator[Symptom]:
    """A symptom for each new stream, and for each new group of a stream that was there."""
    if view.now is None or view.baseline is None or view.now is view.baseline:
        return
    level = Severity.MEDIUM if _names_anything(view) else Severity.LOW
    families = {family_of(stream.name) for stream in view.baseline.streams}
    known = {stream.name: stream for stream in view.baseline.streams}
    for stream in view.now.streams:
        before = known.get(stream.name)
        if before is None:
            if family_of(stream.name) not in families and not _stream_is_known(view, plain_name(stream.name)):
                families.add(family_of(stream.name))  # its other members say the same
                yield _rogue_stream(view, view.baseline, view.now, stream, level)
            continue
        for group in stream.groups:
            is_new = before.group(group.info.name) is None
            if is_new and not _group_is_known(view, plain_name(stream.name), group.info.name):
                yield _rogue_group(view, view.now, stream, group, level)


def _names_anything(view: ConfigView) -> bool:
    """Whether code or documents name any stream: where neither was there to read, every name is unknown to them."""
    return any(fact.kind is FactKind.STREAM for fact in view.index.facts) or any(
        use.stream is not None for use in view.index.uses
    )


def _stream_is_known(view: ConfigView, name: str) -> bool:
    if any(entry.matches(stream=name) for entry in view.judgement.expect):
        return True
    for fact in view.index.facts:
        if fact.kind is FactKind.STREAM and _documented(fact.name, name):
            return True
    return any(
        pattern is not None and known.fits(pattern, name) and _expected(view, pattern, name)
        for use in view.index.uses
        for pattern in (known.value(use.stream),)
    )


def _expected(view: ConfigView, pattern: str, name: str) -> bool:
    """A whole name, a pattern whose family was there at the baseline, or one whose open parts are ids."""
    if known.RUN_TIME not in pattern:
        return True
    if view.baseline is not None and any(known.fits(pattern, old.name) for old in view.baseline.streams):
        return True
    return all(_is_id(part) for part in known.run_time_parts(pattern, name))


def _is_id(part: str) -> bool:
    return any(char.isdigit() for char in part) or len(part) >= _ID_LENGTH_MIN


def _documented(pattern: str, name: str) -> bool:
    """A documented name, with `{id}`, `<id>` and `*` as open parts."""
    if pattern == name:
        return True
    shape, depth = "", 0
    for char in pattern:
        depth += char in "{<"
        shape += known.RUN_TIME if char in "{<*" else "" if depth else char
        depth -= char in "}>" and depth > 0
    return known.RUN_TIME in shape and known.fits(shape, name)


def _group_is_known(view: ConfigView, stream: str, group: str) -> bool:
    if any(entry.matches(stream=stream, group=group) and entry.group for entry in view.judgement.expect):
        return True
    if any(fact.kind is FactKind.GROUP and _documented(fact.name, group) for fact in view.index.facts):
        return True
    return any(
        use.group is not None and known.may_be(use.stream, stream) and known.may_be(use.group, group)
        for use in known.of_kind(view.index, CodeKind.XREADGROUP, CodeKind.XGROUP_CREATE)
    )


def _makers(view: ConfigView, name: str) -> list[CodeUse]:
    """Calls whose open names fit: where it may come from."""
    adds = known.of_kind(view.index, CodeKind.XADD)
    return [use for use in adds if use.stream and use.stream.value and known.fits(use.stream.value, name)]


def _rogue_stream(
    view: ConfigView, baseline: Poll, now: Poll, stream: StreamState, level: Severity
) -> Symptom:
    makers = _makers(view, plain_name(stream.name))
    origin = known.chain_quotes(makers[0], makers[0].stream) if makers else ()
    came = (
        f" It may come from {makers[0].path}:{makers[0].line}, whose name ends in a run-time part."
        if makers
        else ""
    )
    return Symptom(
        rule=RULE,
        severity=level,
        title=f"Stream {stream.name!r} appeared during the session and nothing names it",
        entity=(family_of(stream.name),),
        evidence=(stream.quote(now.number, now.source), *origin),
        recommendation=(
            f"Find who writes {stream.name!r}.{came} If it is meant, document it or name it in [[expect]]; if not, "
            "stop its producer and delete it."
        ),
        confidence=0.9 if makers else 1.0,
        position=(now.source, baseline.number),
        service=(makers[0].service if makers else None) or "cross-service",
        streams=(stream.name,),
        files=known.files_of(makers[:3]),
        expected=f"one of the {len(baseline.streams)} streams of the baseline, or a name from code or documents",
        actual=f"{stream.name!r} with {stream.info.length} entries, first seen after the baseline",
    )


def _rogue_group(
    view: ConfigView, now: Poll, stream: StreamState, group: GroupState, level: Severity
) -> Symptom:
    name = group.info.name
    readers = [
        use
        for use in known.of_kind(view.index, CodeKind.XREADGROUP)
        if known.value(use.stream) == plain_name(stream.name)
    ]
    return Symptom(
        rule=RULE,
        severity=level,
        title=f"Group {name!r} appeared on {stream.name!r} during the session and nothing names it",
        entity=(family_of(stream.name), name),
        evidence=(stream.quote(now.number, now.source, group.info), *(use.quote() for use in readers[:2])),
        recommendation=(
            f"Find who created {name!r}; if it is meant, document it or name it in [[expect]], else XGROUP DESTROY it: "
            "a group that nobody reads holds its pending entries for ever."
        ),
        position=(now.source, 0),
        service=readers[0].service if readers else "cross-service",
        streams=(stream.name,),
        consumer_group=name,
        files=known.files_of(readers[:3]),
        expected="a group that was there at the baseline, or a name from code or documents",
        actual=f"{name!r} with {group.info.consumers} consumers, first seen after the baseline",
    )
