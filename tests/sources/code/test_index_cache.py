"""An index is used again while nothing changed, and only then; a cache that cannot be used changes no answer."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import pytest

from tests.sources.code.trees import NOW_MS, streams, write
from tools.sources.code.index_cache import KEPT_MAX, cached_index
from tools.sources.records import CodeIndex, CodeKind

APP = {"services/a/app.py": 'r.xadd("orders", {})\ndef f(s):\n    r.xadd(s, {})\n', ".env": "A_KEY=1\n"}
GLOBS: tuple[tuple[str, ...], tuple[str, ...]] = ((), ())


def looked(root: Path, folder: Path, *, at: int = NOW_MS, secret: str = "") -> CodeIndex:
    return cached_index(folder, root, GLOBS, secret, at)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def test_what_did_not_change_is_not_made_again(tmp_path: Path, folder: Path) -> None:
    root = write(tmp_path / "shop", APP)
    first = looked(root, folder)
    (kept,) = folder.iterdir()
    # What is kept is what is answered: one that says something else shows where the answer is from.
    kept.write_bytes(gzip.compress(gzip.decompress(kept.read_bytes()).replace(b"orders", b"bills")))
    assert streams(first, CodeKind.XADD) == {"orders", None}
    assert streams(looked(root, folder), CodeKind.XADD) == {"bills", None}


def test_gaps_are_of_the_session_that_has_them(tmp_path: Path, folder: Path) -> None:
    root = write(tmp_path / "shop", APP)
    assert {gap.at_ms for gap in looked(root, folder).gaps} == {NOW_MS}
    assert {gap.at_ms for gap in looked(root, folder, at=NOW_MS + 5).gaps} == {NOW_MS + 5}


CHANGES = {
    "a file's content": {"services/a/app.py": 'r.xadd("bills", {})'},
    "a new file": {"services/a/more.py": 'r.xadd("bills", {})'},
    "configuration": {".env": "A_KEY=2\n"},
}


@pytest.mark.parametrize("files", CHANGES.values(), ids=CHANGES.keys())
def test_what_changed_is_made_again(files: dict[str, str], tmp_path: Path, folder: Path) -> None:
    root = write(tmp_path / "shop", APP)
    looked(root, folder)
    write(root, files)
    assert looked(root, folder) == looked(root, tmp_path / "another")
    assert len(list(folder.iterdir())) == 2


def test_a_file_that_is_gone_is_gone(tmp_path: Path, folder: Path) -> None:
    root = write(tmp_path / "shop", {**APP, "services/a/more.py": 'r.xadd("bills", {})'})
    looked(root, folder)
    (root / "services" / "a" / "more.py").unlink()
    assert streams(looked(root, folder), CodeKind.XADD) == {"orders", None}


def test_another_masking_key_is_another_index(tmp_path: Path, folder: Path) -> None:
    root = write(tmp_path / "shop", APP)
    looked(root, folder, secret="one")
    looked(root, folder, secret="two")
    assert len(list(folder.iterdir())) == 2


def test_a_damaged_index_is_made_again(tmp_path: Path, folder: Path) -> None:
    root = write(tmp_path / "shop", APP)
    looked(root, folder)
    (kept,) = folder.iterdir()
    kept.write_bytes(b"nothing that was ever written here")
    assert streams(looked(root, folder), CodeKind.XADD) == {"orders", None}


def test_a_folder_that_cannot_be_written_changes_no_answer(tmp_path: Path) -> None:
    root = write(tmp_path / "shop", APP)
    (tmp_path / "file").write_text("")
    assert streams(looked(root, tmp_path / "file"), CodeKind.XADD) == {"orders", None}


def test_only_the_newest_are_kept_and_for_their_owner_alone(tmp_path: Path, folder: Path) -> None:
    root = write(tmp_path / "shop", APP)
    folder.mkdir()
    for number in range(KEPT_MAX + 3):
        old = folder / f"{number}.json.gz"
        old.write_bytes(b"")
        os.utime(old, (number, number))
    looked(root, folder)
    kept = sorted(folder.iterdir())
    assert len(kept) == KEPT_MAX
    assert not (folder / "0.json.gz").exists()
    assert {file.stat().st_mode & 0o077 for file in kept if file.stat().st_size} == {0}


def test_nothing_of_a_secret_is_kept(tmp_path: Path, folder: Path) -> None:
    token = "ghp_" + "0123456789abcdefABCDEF0123456789abcd"
    looked(write(tmp_path / "shop", {"app.py": f'r.xadd("s1", {{"t": "{token}"}})\n'}), folder)
    (kept,) = folder.iterdir()
    assert token.encode() not in gzip.decompress(kept.read_bytes())
