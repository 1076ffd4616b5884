"""Runs the rules about code and configuration over every labelled repository, and adds up how right they are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from orchestrator.evaluation import labels as label_files
from orchestrator.evaluation.labels import LabelFile
from orchestrator.evaluation.scoring import CONSUMERS, PRODUCERS, STREAMS, Tally, rules_of, streams_of
from tools.detectors.contract import CodeView, ConfigView
from tools.detectors.registry import CODE_DETECTORS, CONFIG_DETECTORS
from tools.detectors.thresholds import Judgement
from tools.findings.rule import Symptom
from tools.sources.code.index import build_index
from tools.sources.records import CodeIndex

PLACES_MIN = 0.9
"""Recall and precision over all labelled places of the rules about code, and of those about configuration."""
STREAMS_MIN = 0.95
"""Recall and precision of streams, and of their producers and consumers."""
_OF_STREAMS = (STREAMS, PRODUCERS, CONSUMERS)
_KINDS = {"code.": "rules about code", "config.": "rules about configuration"}


@dataclass(frozen=True, slots=True)
class Result:
    """How right everything was: by rule, and of streams, producers and consumers."""

    repositories: int
    rules: Mapping[str, Tally]
    streams: Mapping[str, Tally]

    @property
    def places(self) -> Mapping[str, Tally]:
        """All rules of a kind together, by what they are called; of kinds that something is known of."""
        return {
            kind: sum((tally for name, tally in self.rules.items() if name.startswith(start)), Tally())
            for start, kind in _KINDS.items()
            if any(name.startswith(start) for name in self.rules)
        }

    @property
    def short(self) -> tuple[str, ...]:
        """What stays below its bar, in words."""
        rows = [(kind, tally, PLACES_MIN) for kind, tally in self.places.items()]
        rows += [(name, self.streams[name], STREAMS_MIN) for name in _OF_STREAMS]
        return tuple(line for name, tally, bar in rows for line in _short(name, tally, bar))


def evaluate(folder: Path, now_ms: int) -> Result:
    """Evaluate every labelled repository below a folder. Raises what `labels.read` raises."""
    rules: dict[str, Tally] = {}
    streams = dict.fromkeys(_OF_STREAMS, Tally())
    by_root: dict[Path, list[LabelFile]] = {}
    for labelled in label_files.read(folder):
        by_root.setdefault(labelled.root, []).append(labelled.labels)
    for root, files in by_root.items():
        index, symptoms = _look(root, now_ms)
        for labels in files:
            for name, tally in rules_of(labels, symptoms).items():
                rules[name] = rules.get(name, Tally()) + tally
            for name, tally in (streams_of(labels, index) if labels.covers_streams else {}).items():
                streams[name] += tally
    return Result(len(by_root), dict(sorted(rules.items())), streams)


def lines(result: Result) -> Iterator[str]:
    """The result for people: a table, then what was missed and what is wrong."""
    yield f"{result.repositories} repositories"
    yield ""
    yield _row("", "labelled", "found", "told", "wrong", "recall", "precision")
    for name, tally in (*result.rules.items(), *result.places.items()):
        yield _tally_row(name, tally)
    yield ""
    for name, tally in result.streams.items():
        yield _tally_row(name, tally)
    for name, tally in (*result.rules.items(), *result.streams.items()):
        yield from (f"missed {name} {place}" for place in tally.missed)
        yield from (f"wrong {name} {place}" for place in tally.wrong)
    yield ""
    yield from (f"below the bar: {text}" for text in result.short)


def _look(root: Path, now_ms: int) -> tuple[CodeIndex, list[Symptom]]:
    index = build_index(root, (), (), now_ms)
    judgement = Judgement()
    code, config = (
        CodeView(index=index, judgement=judgement),
        ConfigView(index=index, moment="start", judgement=judgement),
    )
    symptoms = [symptom for detector in CODE_DETECTORS for symptom in detector.detect(code)]
    symptoms += [symptom for detector in CONFIG_DETECTORS for symptom in detector.detect(config)]
    return index, symptoms


def _short(name: str, tally: Tally, bar: float) -> Iterator[str]:
    for what, value in (("recall", tally.recall), ("precision", tally.precision)):
        if value is not None and value < bar:
            yield f"{what} of {name} {value:.2f} < {bar:.2f}"


def _tally_row(name: str, tally: Tally) -> str:
    wrong = len(tally.wrong)
    return _row(
        name,
        str(tally.labelled),
        str(tally.found),
        str(tally.right + wrong),
        str(wrong),
        _share(tally.recall),
        _share(tally.precision),
    )


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


def _row(name: str, *cells: str) -> str:
    return f"{name:<28}" + "".join(f"{cell:>10}" for cell in cells)
