"""Files that a change moved: what was known of the old name is known of the new one.

Found by content, not asked of git, whose comparison with a working tree would run filters of the repository.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

from tools.sources.code.walk import ProjectFile, read_text

LIKENESS_MIN = 0.5
"""Of the lines of both, that must be the same; git's own limit for a rename."""
PAIRS_MAX = 40_000
"""Beyond it only files with the same content are told; reading more costs more than it tells."""


def renames(before: Iterable[ProjectFile], now: Iterable[ProjectFile]) -> Mapping[str, str]:
    """New path → old path. A file that still is where it was was not moved."""
    old = {file.path: file for file in before}
    new = {file.path: file for file in now}
    gone = {path: lines for path in old.keys() - new.keys() if (lines := _lines(old[path]))}
    come = {path: lines for path in new.keys() - old.keys() if (lines := _lines(new[path]))}
    few = len(gone) * len(come) <= PAIRS_MAX
    pairs = sorted(
        (
            (-likeness, new_path, old_path)
            for new_path, new_lines in come.items()
            for old_path, old_lines in gone.items()
            if Path(new_path).suffix == Path(old_path).suffix
            and (likeness := _likeness(old_lines, new_lines, exact=not few)) >= LIKENESS_MIN
        ),
    )
    found: dict[str, str] = {}
    for _, new_path, old_path in pairs:
        if new_path not in found and old_path not in found.values():
            found[new_path] = old_path
    return found


def _lines(file: ProjectFile) -> Counter[str] | None:
    try:
        text = read_text(file)
    except OSError:
        return None
    return Counter(stripped for line in text.splitlines() if (stripped := line.strip())) if text else None


def _likeness(old: Counter[str], new: Counter[str], *, exact: bool) -> float:
    if exact:
        return 1.0 if old == new else 0.0
    return (old & new).total() / max(old.total(), new.total(), 1)
