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

LOG_PIPELINE = Bar(0.35, "×", "at least")
"""Speed of the Log Watcher, all rules on, merged.log off, against `rg -c -i` of the twelve keywords, on one core."""

LOG_ALL_PATTERNS = Bar(7, "×", "at least")
"""The same against rg that is given all our patterns."""

LOG_SCAN = Bar(0.9, "×", "at least")
"""Speed of the bare scan of all our patterns against `rg -c -i` of the twelve keywords."""

LOG_MEMORY = Bar(100, "MB", digits=0)
"""Peak memory of the process that reads logs, whatever their size."""

LOG_LATENCY = Bar(1, "s")
"""p99 from a line written to its finding in the JSONL."""

LOG_REST = Bar(3, "% of a core")
"""CPU of the Log Watcher while nothing is wrong: 20,000 lines a second over 50 files."""

HELP_WALL = Bar(0.3, "s")
"""`streamgauge --help`."""

CODE_SCAN = Bar(10, "×")
"""The path of messages in a repository of 7,000 TypeScript files, walk and parsing included, against rg of the call names."""

SYNTHESIS_WALL = Bar(10, "s")
"""From 100,000 loaded findings to clusters and all sections of the report."""

SYNTHESIS_GROWTH = Bar(12, "×")
"""The same against a tenth of the findings."""
