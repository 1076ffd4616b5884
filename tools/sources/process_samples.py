"""What processes used over time: the records of `recording/metrics.jsonl`. Rules get them from `records`."""

from __future__ import annotations

from typing import Literal

import msgspec
from msgspec import Struct

from tools.clock import from_iso
from tools.findings.model import EvidenceKind, Locator
from tools.findings.rule import Quote


class ProcessSample(Struct, frozen=True, kw_only=True, rename="camel"):
    """One process and its descendants at one moment; a line of the journal.

    `cpu_percent` is of one core, over the time since the sample before (None at the first); `rss_bytes` is the sum
    over `processes` processes. `status` is unknown where nothing tells whether a service lives.
    """

    at: str
    kind: Literal["service", "agent", "session", "redis"]
    name: str
    status: Literal["alive", "gone", "unknown"]
    pid: int | None = None
    started_ms: int | None = None
    program: str | None = None
    """The process's own name (`node`, `java`), not its arguments."""
    processes: int | None = None
    cpu_percent: float | None = None
    rss_bytes: int | None = None
    attempt: int | None = None
    findings: int | None = None
    errors: int | None = None
    """Errors of this agent's own since the session began, all of them unresolved. Agents only, as are the two before."""

    @property
    def at_ms(self) -> int:
        """Wall time, ms since the epoch."""
        return from_iso(self.at)


class SampleLine(Struct, frozen=True, kw_only=True):
    """A sample and where its line lies."""

    sample: ProcessSample
    source: str
    byte_offset: int
    byte_length: int

    @property
    def position(self) -> int:
        """Bytes of the journal up to the end of this line."""
        return self.byte_offset + self.byte_length

    def quote(self) -> Quote:
        """The line as it stands in the journal."""
        place = Locator(byte_offset=self.byte_offset, byte_length=self.byte_length)
        text = msgspec.json.encode(self.sample).decode()
        return Quote(EvidenceKind.PROCESS, self.source, text, place)
