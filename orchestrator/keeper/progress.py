"""How far each output was read and kept: what a new attempt of the keeper goes on from."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import msgspec
from msgspec import Struct

from tools.workspace import write_atomically


class Progress(Struct, kw_only=True):
    """`spools`: number and offset of each output by name; `open_keys`: private keys that had not ended there.

    Numbers below `first_number` are those of outputs that were given up: none is ever used again.
    """

    spools: dict[str, tuple[int, int]] = {}
    open_keys: dict[str, int] = {}
    first_number: int = 0

    def place(self, name: str, size: int) -> tuple[int, int]:
        """Number and offset of an output; a new number for one that is new, or that is another file by now."""
        if name not in self.spools or self.spools[name][1] > size:
            used = [number for number, _ in self.spools.values()]
            self.spools[name] = (max([self.first_number - 1, *used]) + 1, 0)
        return self.spools[name]


def read(path: Path) -> Progress:
    """What was noted; empty where nothing was."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Progress)
    except (OSError, msgspec.MsgspecError):
        return Progress()


def write(path: Path, noted: Progress) -> bool:
    """Note it; whether the disk took it."""
    with suppress(OSError):
        data = msgspec.json.encode(noted)
        if not path.exists() or path.read_bytes() != data:
            write_atomically(path, data)
        return True
    return False


def begin_anew(path: Path) -> None:
    """Forget the outputs, but not their numbers. Raises OSError."""
    before = read(path)
    write_atomically(
        path, msgspec.json.encode(Progress(first_number=before.first_number + len(before.spools)))
    )
