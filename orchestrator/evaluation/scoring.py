"""Recall and precision of what was told about one repository, against its labels. No I/O."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from orchestrator.evaluation.labels import Label, LabelFile, StreamLabel, alternatives, covers
from tools.detectors.streams.code_map import matches
from tools.findings.rule import Symptom
from tools.sources.records import CodeIndex, CodeKind, CodeUse

_LETTERS_MIN = 3
"""A name of which less is known is no name."""
_WRITES = frozenset({CodeKind.XADD})
_READS = frozenset({CodeKind.XREAD, CodeKind.XREADGROUP})
STREAMS, PRODUCERS, CONSUMERS = "streams", "producers", "consumers"


@dataclass(frozen=True, slots=True)
class Tally:
    """One row of the table. `missed` and `wrong` say where, as `repository path:line`."""

    labelled: int = 0
    found: int = 0
    right: int = 0
    missed: tuple[str, ...] = ()
    wrong: tuple[str, ...] = ()

    def __add__(self, other: Tally) -> Tally:
        return Tally(
            self.labelled + other.labelled,
            self.found + other.found,
            self.right + other.right,
            self.missed + other.missed,
            self.wrong + other.wrong,
        )

    @property
    def recall(self) -> float | None:
        """The share of what is labelled that was found; None where nothing is labelled."""
        return self.found / self.labelled if self.labelled else None

    @property
    def precision(self) -> float | None:
        """The share of what was told that is right; None where nothing was told."""
        told = self.right + len(self.wrong)
        return self.right / told if told else None


def rules_of(labels: LabelFile, symptoms: Iterable[Symptom]) -> dict[str, Tally]:
    """One tally a rule, of the rules that this repository is labelled for."""
    by_rule: dict[str, list[Symptom]] = {}
    for symptom in symptoms:
        by_rule.setdefault(symptom.rule.id, []).append(symptom)
    told = set(by_rule) | {label.rule for label in labels.finding}
    names = {name for name in told if labels.covers_rule(name)}
    return {name: _rule(labels, name, by_rule.get(name, [])) for name in sorted(names)}


def _rule(labels: LabelFile, rule: str, told: Sequence[Symptom]) -> Tally:
    wanted = [label for label in labels.finding if label.rule == rule]
    spared = [label for label in labels.debatable if label.rule == rule]
    places = [list(_places(symptom)) for symptom in told]
    missed = [label for label in wanted if not any(_meets(label, at) for at in places)]
    tally = Tally(len(wanted), len(wanted) - len(missed))
    for at in places:
        if any(_meets(label, at) for label in wanted):
            tally = replace(tally, right=tally.right + 1)
        elif not any(_meets(label, at) for label in spared):
            shown = ", ".join(f"{path}:{line}" if line else path for path, line in at[:3])
            tally = replace(tally, wrong=(*tally.wrong, f"{labels.repository} {shown}"))
    return replace(tally, missed=tuple(f"{labels.repository} {label.at[0]}" for label in missed))


def _places(symptom: Symptom) -> Iterator[tuple[str, int | None]]:
    for text in symptom.files:
        path, _, line = text.rpartition(":")
        yield (path, int(line)) if path and line.isdecimal() else (text, None)


def _meets(label: Label, places: Iterable[tuple[str, int | None]]) -> bool:
    return any(covers(place, path, line) for place in label.at for path, line in places)


def streams_of(labels: LabelFile, index: CodeIndex) -> dict[str, Tally]:
    """The tallies of streams, of who writes and of who reads them."""
    uses = [(name, use) for use in index.uses if (name := _name(use)) is not None]
    names = sorted({name for name, use in uses if use.kind in _WRITES | _READS})
    missed = [label for label in labels.stream if not any(_same(label.name, name) for name in names)]
    wrong = [name for name in names if not any(_same(label.name, name) for label in labels.stream)]
    streams = Tally(
        labelled=len(labels.stream),
        found=len(labels.stream) - len(missed),
        right=len(names) - len(wrong),
        missed=tuple(f"{labels.repository} {label.name}" for label in missed),
        wrong=tuple(f"{labels.repository} {name}" for name in wrong),
    )
    producers, consumers = Tally(), Tally()
    for label in labels.stream:
        mine = [use for name, use in uses if _same(label.name, name)]
        producers += _parties(labels, label, label.producers, [u for u in mine if u.kind in _WRITES])
        consumers += _parties(labels, label, label.consumers, [u for u in mine if u.kind in _READS])
    return {STREAMS: streams, PRODUCERS: producers, CONSUMERS: consumers}


def _parties(
    labels: LabelFile,
    label: StreamLabel,
    wanted: Sequence[str | tuple[str, ...]],
    uses: Sequence[CodeUse],
) -> Tally:
    """Who is labelled to write (or read) a stream, against where it is written."""
    missed = [entry for entry in wanted if not any(_at(entry, use) for use in uses)]
    right: set[str] = set()
    wrong: set[str] = set()
    for use in uses:
        who = use.service or use.path
        if any(_at(entry, use) for entry in wanted):
            right.add(who)
        elif not _at(label.shared, use):
            wrong.add(f"{labels.repository} {label.name}: {use.path}:{use.line}")
    return Tally(
        labelled=len(wanted),
        found=len(wanted) - len(missed),
        right=len(right),
        missed=tuple(f"{labels.repository} {label.name}: {alternatives(entry)[0]}" for entry in missed),
        wrong=tuple(sorted(wrong)),
    )


def _at(places: str | Sequence[str], use: CodeUse) -> bool:
    return any(covers(place, use.path, use.line) for place in alternatives(places))


def _name(use: CodeUse) -> str | None:
    name = None if use.stream is None else use.stream.value
    return name if name is not None and sum(map(str.isalnum, name)) >= _LETTERS_MIN else None


def _same(labelled: str, name: str) -> bool:
    """Whether two names may be one: equal, or one fits the other's run-time parts."""
    return matches(labelled, name) or matches(name, labelled)
