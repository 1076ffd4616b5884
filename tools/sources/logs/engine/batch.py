"""Lines of one source as they were read, and the records of those that matter."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import re2

from tools import masking
from tools.sources.logs import parse
from tools.sources.logs.blocks import Block
from tools.sources.logs.feed import LINE_BYTES_MAX, RawLine
from tools.sources.logs.prefix import without_ansi
from tools.sources.records import LogLine

TEXT_CHARACTERS_MAX = 64 * 1024
BEHIND_MS = 5000
"""A line that its keeper got longer ago says little by its arrival."""
_ESCAPES = re2.compile(rb"\x1b\[[0-9;?]*[A-Za-z]|\x1b\][^\x07\x1b\n]*(?:\x07|\x1b\\)|\x1b[@-Z\\-_]")
_CONTROL_BYTES = bytes(code for code in (*range(32), 127) if code not in b"\t\n")
_CONTROLS = {code: None for code in range(32) if chr(code) != "\t"} | {127: None}


@dataclass(frozen=True, slots=True)
class Origin:
    """Where lines come from. `origin_of` gives the offset of a captured line in the raw output, by its number."""

    service: str
    source: str
    captured: bool = False
    origin_of: Callable[[int], int | None] | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    """A block, where it comes from, and when it was read. It holds as long as its block does.

    `late`: read long after it may have been written. `backfill`: read back for the format only.
    """

    origin: Origin
    block: Block
    masker: masking.LineMasker
    now_ms: int
    late: bool = False
    backfill: bool = False

    def kept(self) -> Batch:
        """The same for good: with a copy of the bytes, which the feed is free to overwrite."""
        return Batch(self.origin, self.block.kept(), self.masker, self.now_ms, self.late, self.backfill)

    def behind(self, index: int) -> bool:
        """Whether a line's arrival says little about when it was written."""
        at_ms = self.at_ms(index)
        return self.late or (at_ms is not None and self.now_ms - at_ms > BEHIND_MS)

    def at_ms(self, index: int) -> int | None:
        """When the log's keeper got a line."""
        return self.block.at_ms[index] if self.block.at_ms else None

    def level(self, index: int) -> str | None:
        """What the keeper says of a line."""
        return self.block.levels[index] if self.block.levels else None

    def raw(self, index: int, start: int, end: int) -> RawLine:
        """A line that lies between two places of the block, the newline not included."""
        block = self.block
        length = end - start if block.odd is None else block.odd.length
        after = block.position + end + 1 if block.odd is None else block.end
        if self.backfill:
            return RawLine(bytes(block.data[start:end]), 0, 0, length, 0)
        if block.places:
            return block.placed(index, bytes(block.data[start : min(end, start + LINE_BYTES_MAX)]))
        return RawLine(
            bytes(block.data[start : min(end, start + LINE_BYTES_MAX)]),
            block.number + index,
            block.offset + start,
            length,
            after,
            length > LINE_BYTES_MAX,
            self.at_ms(index),
            self.level(index),
        )

    def record(self, raw: RawLine, *, in_order: bool = False, scanned: bool = False) -> LogLine:
        """A line's masked record. `in_order`: a private key that began in an earlier line may go on in it.

        `scanned`: the scan of the block found no beginning of a secret in it; that holds for what was read as it stands.
        """
        text = clean(raw.data)
        if scanned and text.isascii() and len(text) == len(raw.data) - raw.data.endswith(b"\r"):
            return record(self, raw, text, ())
        masked, marks = self.masker.scan(text) if in_order else masking.scan(text)
        return record(self, raw, masked, self.secrets_in(text, marks))

    def secrets_in(self, text: str, marks: Iterable[masking.SecretMark]) -> list[tuple[str, str]]:
        """The secrets of a line: what was masked in it, now or as we captured it."""
        secrets = [(mark.kind, mark.fingerprint) for mark in marks]
        if self.origin.captured:
            secrets += [(mark.kind, mark.fingerprint) for mark in masking.read_marks(text)]
        return secrets


def record(batch: Batch, raw: RawLine, masked: str, secrets: Sequence[tuple[str, str]]) -> LogLine:
    """The record of a line whose text is masked."""
    parsed = parse.parse(masked, batch.now_ms)
    message = parsed.message
    if message is not None and "\\" in masked and parsed.format != "logfmt":
        message = masking.mask(message)  # what was escaped in the line may be plain now
    origin = batch.origin
    behind = raw.at_ms is not None and batch.now_ms - raw.at_ms > BEHIND_MS
    return LogLine(
        service=origin.service,
        text=masked[:TEXT_CHARACTERS_MAX],
        source=origin.source,
        line=raw.number,
        byte_offset=raw.offset,
        byte_length=raw.length,
        arrived_ms=batch.now_ms,
        output="stdout" if origin.captured else "file",
        event_ms=raw.at_ms if parsed.event_ms is None else parsed.event_ms,
        stamped=parsed.event_ms is None and raw.at_ms is not None,
        level=parsed.level or raw.level,
        hinted=parsed.level is None and raw.level is not None,
        message=None if message is None else message[:TEXT_CHARACTERS_MAX],
        correlation_id=parsed.correlation_id,
        secrets=tuple(dict.fromkeys(secrets)),
        backfill=batch.backfill,
        position=raw.position,
        format=parsed.format,
        late=batch.late or behind,
        origin_offset=None if origin.origin_of is None or batch.backfill else origin.origin_of(raw.number),
    )


def clean(data: bytes) -> str:
    """A line's text: UTF-8, what is not replaced by U+FFFD; no carriage return, control or escape sequence."""
    text = data.decode("utf-8", "replace")
    if text.isprintable():
        return text
    return without_ansi(text).translate(_CONTROLS)


def plain(data: bytes) -> bytes:
    """The same lines without control and escape sequences; as many of them."""
    return _ESCAPES.sub(b"", data).translate(None, _CONTROL_BYTES)
