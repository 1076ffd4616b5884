"""merged.log: every line masked, in order, rotated by size, and exact over restarts."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.sources.logs.engine.blocks import AT_MS, batches
from tools.clock import iso
from tools.sources.logs.engine.budgets import RATES, Rate, Work
from tools.sources.logs.engine.fold import Folder
from tools.sources.logs.engine.folded import Folded
from tools.sources.logs.engine.scanning import scanner
from tools.sources.logs.merged import UNCHECKED, Merged, MergedMark
from tools.sources.logs.window import Window

PREFIX = f"{iso(AT_MS)} orders file "


def folded(*pieces: bytes) -> list[Folded]:
    folder = Folder(Window(["orders"], AT_MS), scanner())
    return [folder.fold(batch, 0.0) for batch in batches(list(pieces))]


def merged(path: Path, mark: MergedMark | None = None, *, size_max: int = 1 << 20, keep: int = 2) -> Merged:
    return Merged(path, mark, size_max=size_max, keep=keep)


def test_lines_are_masked_clean_and_in_order(tmp_path: Path) -> None:
    [block] = folded(
        b"plain\r\n\x1b[31mred\x1b[0m\x07\npassword=hunter2!Zq here\n\xff\xfe bad\n\ntab\there\n-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC\n"
    )
    log = merged(tmp_path / "merged.log")
    log.add(block)
    log.flush()
    log.close()
    text = (tmp_path / "merged.log").read_text(encoding="utf-8")
    assert text.splitlines() == [
        PREFIX + line
        for line in (
            "plain",
            "red",
            "password=[masked:password] here",
            "\ufffd\ufffd bad",
            "",
            "tab\there",
            "-----BEGIN PRIVATE KEY-----",
            "[masked:private-key]",
        )
    ]


def test_what_was_not_checked_for_secrets_is_not_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(RATES, Work.CONFIRM, Rate(0, 1))
    [block] = folded(b"password=hunter2!Zq\nplain\npassword=hunter3!Zq\n")
    log = merged(tmp_path / "merged.log")
    log.add(block)
    log.close()
    text = (tmp_path / "merged.log").read_text(encoding="utf-8")
    assert text.splitlines() == [PREFIX + "password=[masked:password]", PREFIX + "plain", PREFIX + UNCHECKED]


def names(folder: Path) -> dict[str, list[str]]:
    return {
        path.name: [line.removeprefix(PREFIX) for line in path.read_text(encoding="utf-8").splitlines()]
        for path in sorted(folder.iterdir())
    }


def test_it_is_rotated_by_size_and_the_oldest_goes(tmp_path: Path) -> None:
    log = merged(tmp_path / "merged.log", size_max=30)
    for block in folded(*(b"line %d\n" % number for number in range(5))):
        log.add(block)
        log.flush()
        log.rotate()
    log.close()
    kept = {name: [line[-6:] for line in lines] for name, lines in names(tmp_path).items()}
    assert kept == {"merged.log": [], "merged.log.1": ["line 4"], "merged.log.2": ["line 3"]}


@pytest.mark.parametrize("rotated", [False, True])
def test_a_restart_writes_nothing_twice(tmp_path: Path, rotated: bool) -> None:
    path = tmp_path / "merged.log"
    first, second = folded(b"one\n", b"two\n")
    log = merged(path, size_max=30 if rotated else 1000)
    log.add(first)
    mark = log.flush()
    if rotated:
        log.rotate()
    log.add(second)
    log.flush()
    log.close()
    again = merged(path, mark, size_max=1000)
    again.add(second)
    again.flush()
    again.close()
    lines = [line for part in reversed(names(tmp_path).values()) for line in part]
    assert [line[-3:] for line in lines] == ["one", "two"]
