"""The fold of samples into what the rule about memory sees: the life of each service's process, oldest sample first.

A pure function of the samples, so a recording gives the same. Bounded: a long life is thinned, and keeps its highest
and lowest points.
"""

from __future__ import annotations

from msgspec import Struct

from tools.sources.records import ProcessSample, SampleLine

SAMPLES_MAX = 256
_SERVICES_MAX = 1000
_SAME_START_MS = 1000


class Life(Struct, kw_only=True):
    """One process's samples; a process that takes its place begins another life."""

    service: str
    lines: list[SampleLine] = []

    def is_of(self, sample: ProcessSample) -> bool:
        """Whether a sample is of the same process."""
        if not self.lines:
            return False
        own = self.lines[-1].sample
        return (
            own.pid == sample.pid and abs((own.started_ms or 0) - (sample.started_ms or 0)) < _SAME_START_MS
        )


class Memory:
    """Samples in, by `take`; at a tick's end `touched`, then `clear`."""

    def __init__(self) -> None:
        self._lives: dict[str, Life] = {}
        self._touched: set[str] = set()

    def take(self, line: SampleLine) -> None:
        """Add one sample; those of others than services, or without a figure, say nothing."""
        sample = line.sample
        if sample.kind != "service":
            return
        if sample.status == "gone":
            self._lives.pop(sample.name, None)
            self._touched.discard(sample.name)
        if sample.status != "alive" or sample.pid is None or sample.rss_bytes is None:
            return
        life = self._lives.get(sample.name)
        if life is None or not life.is_of(sample):
            if life is None and len(self._lives) >= _SERVICES_MAX:
                return
            life = self._lives[sample.name] = Life(service=sample.name)
        life.lines.append(line)
        if len(life.lines) > SAMPLES_MAX:
            life.lines = _thinned(life.lines)
        self._touched.add(sample.name)

    def touched(self) -> dict[str, tuple[SampleLine, ...]]:
        """The lives that got a sample since `clear`, by service."""
        return {name: tuple(self._lives[name].lines) for name in sorted(self._touched)}

    def clear(self) -> None:
        """Forget what was new."""
        self._touched.clear()

    def lives(self) -> tuple[Life, ...]:
        """Every process that lives, as far as is known."""
        return tuple(self._lives.values())


def _thinned(lines: list[SampleLine]) -> list[SampleLine]:
    """Half as many: of four neighbours the lowest and the highest, and the newest in any case."""
    kept: list[SampleLine] = []
    for start in range(0, len(lines) - 1, 4):
        four = lines[start : min(start + 4, len(lines) - 1)]
        low, high = min(four, key=_rss), max(four, key=_rss)
        kept += [line for line in four if line is low or line is high]
    return [*kept, lines[-1]]


def _rss(line: SampleLine) -> int:
    return line.sample.rss_bytes or 0
