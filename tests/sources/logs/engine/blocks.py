"""Blocks of lines for tests, as feeds give them."""

from __future__ import annotations

from collections.abc import Iterator

from tools import masking
from tools.sources.logs.blocks import Block
from tools.sources.logs.engine.batch import Batch, Origin

AT_MS = 1_750_000_000_000


def block_of(data: bytes, number: int = 1, position: int = 0) -> Block:
    """Whole lines as one block of a file that was read from its start."""
    return Block(memoryview(data), number, position, position)


def batches(pieces: list[bytes], service: str = "orders", *, captured: bool = False) -> Iterator[Batch]:
    """The pieces of one log, each as it was read, a quarter of a second apart."""
    number, position, masker = 1, 0, masking.LineMasker()
    origin = Origin(service, f"logs/{service}.log", captured)
    for turn, piece in enumerate(pieces):
        yield Batch(origin, block_of(piece, number, position), masker, AT_MS + 250 * turn)
        number += piece.count(b"\n")
        position += len(piece)
