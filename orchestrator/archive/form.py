"""The two forms of an archive, and the names of their files."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path


class Form(StrEnum):
    """How an archive is packed: a ZIP, of which each file can be read alone, or a tar in one zstd frame, which is smaller."""

    ZIP = "zip"
    TAR_ZST = "tar.zst"

    @property
    def ending(self) -> str:
        """What the name of its file ends in."""
        return f".{self.value}"


def form_of(path: Path) -> Form | None:
    """The form that a file's name tells of; None where it is the name of no archive."""
    return next((form for form in Form if path.name.endswith(form.ending)), None)


def name_of(path: Path) -> str:
    """The name of an archive: its file's without the ending."""
    form = form_of(path)
    return path.stem if form is None else path.name.removesuffix(form.ending)
