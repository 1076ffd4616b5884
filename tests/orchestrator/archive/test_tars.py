"""The other form, a tar in one zstd frame: as whole as a ZIP, read by others, and refused where it is not one of ours."""

from __future__ import annotations

import io
import os
import shutil
import tarfile
import zipfile
from collections.abc import Sequence
from pathlib import Path

import bagit
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.archive import chain, members, pruning, restoring, zips, zstd_frame
from orchestrator.archive.bag import Bag
from orchestrator.archive.form import Form
from orchestrator.archive.members import Member
from orchestrator.archive.retention import Policy
from orchestrator.archive.shelf import Shelf
from orchestrator.archive.tars import TarPacker
from orchestrator.archive.writing import archive
from orchestrator.cli.session_place import archive_of
from orchestrator.watch import archived as watched
from orchestrator.watch.sessions import of_archive
from tests.fakes.clock import ManualClock
from tests.orchestrator.archive.conftest import Forge, Sessions
from tests.orchestrator.archive.test_archive import contents
from tools.errors import ArchiveRefused, UsageError
from tools.workspace import Workspace

SMALL = {"SESSION_ID": b"1\n", "logs/a.log": b"line\n" * 20}
ODD = {
    "logs/empty.log": b"",
    "logs/block.log": b"x" * 512,
    "logs/" + "long/" * 30 + "name.log": b"deep\n",
    "logs/größe.log": b"a name beyond ASCII\n",
    "logs/large.log": bytes(range(256)) * 12_000,
}


@pytest.fixture
def raw(sessions: Sessions) -> Sessions:
    """The same, for archives that are tars."""
    sessions.shelf = Shelf(sessions.shelf.folder, Form.TAR_ZST)
    return sessions


# --- As whole as a ZIP -----------------------------------------------------------------------------------


def test_what_is_restored_is_what_the_session_left(raw: Sessions, tmp_path: Path) -> None:
    workspace = raw.make()
    for name, data in ODD.items():
        workspace.path(name).parent.mkdir(parents=True, exist_ok=True)
        workspace.path(name).write_bytes(data)
    os.utime(workspace.session_id_file, (1_700_000_001, 1_700_000_001))
    before = contents(workspace.root)
    made = raw.archive()
    assert made.path.name == "20250615_150640.tar.zst"
    with Bag(made.path) as bag:
        assert bag.verify() == []
        assert {name: b"".join(bag.read(name)) for name in reversed(bag.files)} == before
        first, second = bag.read("logs/large.log"), bag.read("logs/größe.log")
        assert next(first) + b"".join(second) + b"".join(first) == (
            ODD["logs/large.log"][: 1 << 20] + ODD["logs/größe.log"] + ODD["logs/large.log"][1 << 20 :]
        )
    assert restoring.restore(made.path, tmp_path / "again") == len(before)
    assert contents(tmp_path / "again") == before
    assert (tmp_path / "again" / "SESSION_ID").stat().st_mtime == 1_700_000_001
    with restoring.opened(made.path) as copy:
        assert (copy.name, contents(copy)) == ("20250615_150640", before)


def test_others_read_it_as_a_bag(raw: Sessions, tmp_path: Path) -> None:
    raw.make()
    made = raw.archive()
    with (
        made.path.open("rb") as file,
        zstandard.ZstdDecompressor().stream_reader(file) as plain,
        tarfile.open(fileobj=plain, mode="r|") as packed,
    ):
        packed.extractall(tmp_path / "untarred", filter="data")
    bagit.Bag(str(tmp_path / "untarred" / "20250615_150640")).validate()


def test_both_forms_are_one_chain_and_one_shelf(raw: Sessions) -> None:
    """A form that is asked for is made, of a session that lies there as a ZIP too; where none is asked for, either will do."""
    any_form, shelf = Shelf(raw.shelf.folder), raw.shelf
    raw.shelf = any_form
    (first,) = raw.archived("1")
    raw.shelf = shelf
    second, again = raw.archive(), raw.archive()
    assert (first.path.name, second.path.name) == ("1.zip", "1-2.tar.zst")
    assert (again.path, again.fresh) == (second.path, False)
    raw.shelf = any_form
    assert raw.archive().path == second.path
    (third,) = raw.archived("2")
    assert [item.info.previous_run for item in (first, second, third)] == ["", "1", "1-2"]
    assert list(chain.problems(chain.read(shelf.folder), shelf.seen()[0])) == []
    assert shelf.find("1") == shelf.find(str(second.path)) == second.path
    assert archive_of(raw.workspace.root, "1-2") == second.path
    assert list(shelf.seen()[0]) == ["1", "1-2", "2"]
    with raw.shelf.locked("prune", raw.clock):
        plan = pruning.plan(shelf, Policy(last=1, daily=0, weekly=0, monthly=0))
        assert pruning.prune(shelf, plan, raw.clock) == ["1", "1-2"]
    assert shelf.paths() == [third.path]
    raw.shelf = Shelf(shelf.folder, Form.TAR_ZST)
    raw.make("1")
    assert raw.archive().path.name == "1-3.tar.zst"


def test_two_archives_of_one_name_are_told_and_nothing_is_pruned(raw: Sessions) -> None:
    (made,) = raw.archived("1")
    shutil.copy(made.path, made.path.with_name("1.zip"))
    assert raw.shelf.seen()[1] == ["1.zip: another archive there has this name. Move one away."]
    with pytest.raises(UsageError, match="Nothing was pruned"):
        pruning.prune(raw.shelf, pruning.plan(raw.shelf, Policy()), raw.clock)


def test_the_watch_reads_single_files_of_it(raw: Sessions) -> None:
    (made,) = raw.archived("1")
    with watched.some_of(made.path, {"report.json", "SESSION_ID", "elsewhere"}) as folder:
        assert set(contents(folder)) == {"report.json", "SESSION_ID"}
    assert watched.json_member(made.path, "report.json") == {"dashboard": {"health": "CRITICAL"}}
    view = of_archive(raw.shelf, "1", raw.workspace.root)
    assert view is not None
    assert view.run_id == "1"


@pytest.mark.parametrize("pieces", [(b"123", b"45"), (b"1",)], ids=["grew", "shrank"])
def test_a_file_of_another_size_than_was_seen_is_no_part_of_it(pieces: Sequence[bytes]) -> None:
    with (
        pytest.raises(ArchiveRefused, match="changed while it was archived"),
        TarPacker(io.BytesIO()) as packed,
    ):
        packed.add(Member("1/data/a", 4, 0), pieces)


def test_a_file_of_a_time_that_no_tar_knows_is_archived(raw: Sessions) -> None:
    workspace = raw.make()
    os.utime(workspace.session_id_file, (-(10**9), -(10**9)))
    os.utime(workspace.path("report.json"), (10**10, 10**10))
    with Bag(raw.archive().path) as bag:
        assert (bag.modified_s("SESSION_ID"), bag.modified_s("report.json")) == (0, 8**11 - 1)


# --- From elsewhere --------------------------------------------------------------------------------------

FILE, LINK, SYMLINK, DEVICE = tarfile.REGTYPE, tarfile.LNKTYPE, tarfile.SYMTYPE, tarfile.CHRTYPE
FOLDER, PIPE, SPARSE, LONG = (
    tarfile.DIRTYPE,
    tarfile.FIFOTYPE,
    tarfile.GNUTYPE_SPARSE,
    tarfile.GNUTYPE_LONGNAME,
)


def entry(name: str, data: bytes = b"x", kind: bytes = FILE, size: int | None = None) -> bytes:
    """A file of a tar, with another kind or size than it has."""
    info = tarfile.TarInfo(name)
    info.type, info.size = kind, len(data) if size is None else size
    return info.tobuf(tarfile.PAX_FORMAT) + data + bytes(-len(data) % 512)


def pax(records: bytes, size: int | None = None) -> bytes:
    """A pax header."""
    return entry("././@PaxHeader", records, tarfile.XHDTYPE, size)


def record(key: str, value: str) -> bytes:
    text = f" {key}={value}\n".encode()
    length = len(text) + 2
    return f"{length}".encode() + text


class Forger:
    """Writes a tar.zst by hand: a sound one, but for what is given."""

    def __init__(self, path: Path, sound: Path) -> None:
        self.path = path
        with zipfile.ZipFile(sound) as packed:
            self.files = [entry(name, packed.read(name)) for name in packed.namelist()]

    def write(self, *more: bytes, end: bytes = bytes(1024), checksum: bool = True, window: int = 21) -> Path:
        plain = b"".join([*self.files, *more, end])
        parameters = zstandard.ZstdCompressionParameters.from_level(
            3, window_log=window, write_checksum=checksum, write_content_size=False
        )
        packer = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
        self.path.write_bytes(packer.compress(plain) + packer.flush())
        return self.path


@pytest.fixture
def forger(forge: Forge, tmp_path: Path) -> Forger:
    return Forger(tmp_path / "forged.tar.zst", forge(SMALL))


def test_a_sound_one_is_read(forger: Forger) -> None:
    with Bag(forger.write()) as bag:
        assert {name: b"".join(pieces) for name, pieces in bag.each(bag.files)} == SMALL


@pytest.mark.parametrize(
    ("more", "why"),
    [
        pytest.param(entry("1/data/../../../etc/cron.d/x"), "leads elsewhere", id="up and away"),
        pytest.param(entry("/etc/passwd"), "absolute", id="absolute"),
        pytest.param(
            pax(record("path", "/etc/passwd")) + entry("1/data/x"), "absolute", id="absolute in pax"
        ),
        pytest.param(entry("1/data/x\x1b[2J"), "cannot be seen", id="a control character"),
        pytest.param(entry("2/data/x"), "one folder", id="a second bag"),
        pytest.param(entry("1/extra.txt"), "no part of a bag of ours", id="another tag file"),
        pytest.param(entry("1/data/SESSION_ID"), "twice", id="a name twice"),
        pytest.param(entry("1/bagit.txt"), "twice", id="a tag file twice"),
        pytest.param(entry("1/data/session_id"), "one file on some systems", id="differs in case only"),
        pytest.param(entry("1/data/SESSION_ID/x"), "a file and a folder", id="below a file"),
        pytest.param(entry("1/data/x"), "is not in manifest", id="an unlisted file"),
        pytest.param(entry("1/data/x", b"", SYMLINK), "no plain file", id="a symbolic link"),
        pytest.param(entry("1/data/x", b"", LINK), "no plain file", id="a hard link"),
        pytest.param(entry("1/data/x", b"", DEVICE), "no plain file", id="a device"),
        pytest.param(entry("1/data/x", b"", PIPE), "no plain file", id="a pipe"),
        pytest.param(entry("1/data/x", b"", FOLDER), "no plain file", id="a folder"),
        pytest.param(entry("1/data/x", b"", SPARSE), "no plain file", id="a sparse file"),
        pytest.param(entry("././@LongLink", b"1/data/x\0", LONG), "no plain file", id="a name of GNU tar's"),
        pytest.param(entry("x", b"9 a=b", tarfile.XGLTYPE), "no plain file", id="a global header"),
        pytest.param(
            pax(record("GNU.sparse.major", "1")) + entry("1/data/x"),
            "'GNU.sparse.major'",
            id="a sparse trick",
        ),
        pytest.param(pax(record("linkpath", "/etc")) + entry("1/data/x"), "'linkpath'", id="a link in pax"),
        pytest.param(pax(record("path", "a") * 2) + entry("1/data/x"), "'path'", id="a pax key twice"),
        pytest.param(
            pax(record("path", "1/data/y")) * 2 + entry("1/data/x"), "no plain file", id="two pax headers"
        ),
        pytest.param(pax(b"", 8**11 - 1), "a header of 8,589,934,591 bytes", id="a pax bomb"),
        pytest.param(pax(b""), "a header of 0 bytes", id="an empty pax header"),
        pytest.param(
            pax(b"99 path=a\n") + entry("1/data/x"), "a header that is none", id="a record too long"
        ),
        pytest.param(
            pax(b"0 path=a\n") + entry("1/data/x"), "a header that is none", id="a record of nothing"
        ),
        pytest.param(pax(b"x path=a\n") + entry("1/data/x"), "is no size", id="a record of no length"),
        pytest.param(pax(record("size", "-1")) + entry("1/data/x"), "is no size", id="less than nothing"),
        pytest.param(
            pax(b"11 path=\xff\xff\n") + entry("1/data/x"), "cannot be read", id="a name that is no text"
        ),
        pytest.param(entry("1/data/x", size=1 << 40), "would unpack to", id="a size beyond all"),
        pytest.param(entry("1/data/x", bytes(80 << 20)), "would unpack to", id="a bomb"),
        pytest.param(entry("1/data/x", size=4096), "middle", id="a size beyond its end"),
        pytest.param(entry("1/data/x")[:-1] + b"!", "more than it lists", id="something behind a file"),
        pytest.param(bytes(512) + entry("1/data/x"), "more than it lists", id="one block of zeros"),
        pytest.param(bytes(1024) + entry("1/data/x"), "more than it lists", id="a file behind the end"),
        pytest.param(b"?" * 512, "cannot be read", id="no header"),
    ],
)
def test_what_no_archive_of_ours_holds_is_refused(
    forger: Forger, tmp_path: Path, more: bytes, why: str
) -> None:
    with pytest.raises(ArchiveRefused, match=why):
        restoring.restore(forger.write(more), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_too_many_files_are_refused(forger: Forger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(members, "MEMBERS_MAX", 5)
    with pytest.raises(ArchiveRefused, match="more than 5 files"):
        Bag(forger.write())


def test_a_large_tag_file_is_refused_before_it_is_read(
    forger: Forger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(members, "TAG_BYTES_MAX", 40)
    with pytest.raises(ArchiveRefused, match="is too large"):
        Bag(forger.write())


@pytest.mark.parametrize(
    ("behind", "why"),
    [
        pytest.param(b"?", "1 bytes lie behind its end", id="a byte"),
        pytest.param(zstandard.compress(b""), "lie behind its end", id="an empty frame"),
        pytest.param(b"\x50\x2a\x4d\x18\4\0\0\0hide", "12 bytes lie behind", id="a frame to be skipped"),
    ],
)
def test_only_one_frame_is_taken(forger: Forger, behind: bytes, why: str) -> None:
    path = forger.write()
    path.write_bytes(path.read_bytes() + behind)
    with pytest.raises(ArchiveRefused, match=why):
        Bag(path)


def test_a_frame_that_is_none_of_ours_is_refused(forger: Forger, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ArchiveRefused, match="another way than ours"):
        Bag(forger.write(checksum=False))
    with pytest.raises(ArchiveRefused, match="a window of 134,217,728 bytes"):
        Bag(forger.write(window=27))
    path = forger.write()
    path.write_bytes(b"\x50\x2a\x4d\x18\4\0\0\0skip" + path.read_bytes())
    with pytest.raises(ArchiveRefused, match="no archive of a session"):
        Bag(path)
    monkeypatch.setattr(zstd_frame, "BLOCKS_MAX", 0)
    with pytest.raises(ArchiveRefused, match="more than 0 pieces"):
        Bag(forger.write())


@pytest.mark.parametrize("cut", [1, 5, 60, 400])
def test_a_cut_archive_is_refused(forger: Forger, cut: int) -> None:
    path = forger.write()
    path.write_bytes(path.read_bytes()[:-cut])
    with pytest.raises(ArchiveRefused, match="it is cut"):
        Bag(path)


def test_a_wrong_checksum_of_the_frame_is_found(forger: Forger) -> None:
    path = forger.write()
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(ArchiveRefused, match="cannot be read"):
        Bag(path)


@pytest.mark.parametrize("data", [zstd_frame.MAGIC, zstandard.compress(b"")], ids=["magic", "nothing"])
def test_what_is_no_archive_is_said_in_one_sentence(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "x.tar.zst"
    path.write_bytes(data)
    with pytest.raises(ArchiveRefused, match=r"^x\.tar\.zst"):
        Bag(path)


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small archive."""
    workspace, clock = Workspace(tmp_path_factory.mktemp("sound") / "monitor-session"), ManualClock()
    (workspace.root / "logs").mkdir(parents=True)
    for name, data in SMALL.items():
        (workspace.root / name).write_bytes(data)
    shelf = Shelf.beside(workspace.root, Form.TAR_ZST)
    shelf.create()
    return archive(workspace, "1", shelf, clock).path


@given(st.data())
def test_no_damage_is_anything_but_refused(sound: Path, data: st.DataObject) -> None:
    """Whatever bytes are changed: the archive is refused, or nothing of what it holds was touched."""
    damaged = bytearray(sound.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    target = sound.with_name("damaged")
    target.write_bytes(damaged)
    try:
        with Bag(target) as bag:
            read = {name: b"".join(bag.read(name)) for name in bag.files}
    except ArchiveRefused:
        return
    assert read == SMALL


@given(st.binary(min_size=1, max_size=1024), st.integers(0, 3))
def test_no_header_is_anything_but_refused(sound: Path, header: bytes, padded: int) -> None:
    """Whatever a tar holds beside the files of a sound one, with the frame around it as it should be."""
    with sound.open("rb") as file, zstandard.ZstdDecompressor().stream_reader(file) as packed:
        plain = packed.read()[:-1024]
    more = header + bytes(-len(header) % 512 + 512 * padded)
    target = sound.with_name("more")
    target.write_bytes(zstandard.ZstdCompressor(write_checksum=True).compress(plain + more + bytes(1024)))
    with pytest.raises(ArchiveRefused):
        Bag(target)


# --- The directory of a ZIP ------------------------------------------------------------------------------


def test_a_directory_of_a_zip_is_judged_before_it_is_parsed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w") as packed:
        for number in range(700):
            packed.writestr(f"1/data/{number:0>1990}", b"")
    with path.open("rb") as file, monkeypatch.context() as patch:
        patch.setattr(members, "MEMBERS_MAX", 100)
        with pytest.raises(ArchiveRefused, match="more than 100 files"):
            zips.PackedZip(file)
    with path.open("rb") as file, monkeypatch.context() as patch:
        patch.setattr(members, "TAG_BYTES_MAX", 1 << 20)
        with pytest.raises(ArchiveRefused, match="larger than 1,048,576 bytes"):
            zips.PackedZip(file)
