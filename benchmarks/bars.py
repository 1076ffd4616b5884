"""The bars, each written down once: what a benchmark may find at most, or must find at least."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Bar:
    """One limit and its unit. `digits` is how exactly figures are shown."""

    limit: float
    unit: str
    sense: Literal["at most", "at least"] = "at most"
    digits: int = 2

    def is_met(self, value: float) -> bool:
        """Whether a figure stays on the right side of the limit."""
        return value <= self.limit if self.sense == "at most" else value >= self.limit

    def __str__(self) -> str:
        return f"{'≤' if self.sense == 'at most' else '≥'} {self.limit:g} {self.unit}".rstrip()


SWEEP_WALL = Bar(5, "×")
"""Full sweep, not paced: wall time against the server's own time inside the commands."""

SWEEP_SERVER_CPU = Bar(1.7, "×")
"""Full sweep, not paced: CPU time of the server against the same floor."""

ONE_BY_ONE = Bar(10, "×", "at least")
"""Server CPU of the same questions sent one at a time, against ours."""

EXPORTER = Bar(10, "×", "at least")
"""Server CPU of redis_exporter for one look at the same streams, against ours at its normal pace."""

NEIGHBOUR_P99 = Bar(1.3, "×")
"""p99 of another client while we sweep at the normal pace, against the same without us; median of paired rounds."""

QUIET_COMMANDS = Bar(1, "", digits=0)
"""What a poll sends when nothing moved: one INFO."""

SERVER_SHARE = Bar(1.5, "% of a core")
"""CPU of the server for us, 10,000 streams that are swept at every interval."""

HARNESS_CPU = Bar(3, "% of a core")
"""All processes of a session that observes 50 streams and 7 services, live view off."""

HARNESS_MEMORY = Bar(400, "MB", digits=0)
"""The memory of these processes, what they share counted once (PSS)."""

HELP_WALL = Bar(0.3, "s")
"""`streamgauge --help`."""
