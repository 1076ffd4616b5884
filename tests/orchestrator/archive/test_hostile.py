"""Archives from elsewhere: whatever is not a sound bag of plain files is refused before a byte is unpacked."""

from __future__ import annotations

import stat
import struct
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.archive import layout, members, restoring
from orchestrator.archive.bag import Bag
from orchestrator.archive.shelf import Shelf
from orchestrator.archive.writing import archive
from tests.fakes.clock import ManualClock
from tests.orchestrator.archive.conftest import Forge
from tools.errors import ArchiveRefused, UsageError
from tools.workspace import Workspace

SMALL = {"SESSION_ID": b"1\n", "logs/a.log": b"line\n" * 20}


def kind(name: str, mode: int) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.external_attr = mode << 16
    return info


def test_a_sound_one_is_read(forge: Forge) -> None:
    with Bag(forge({"a": b"1", "b/c": b"2"})) as bag:
        assert bag.files == {"a": 1, "b/c": 1}
        assert bag.verify() == []


@pytest.mark.parametrize(
    ("name", "why"),
    [
        pytest.param("1/data/../../../etc/cron.d/x", "leads elsewhere", id="up and away"),
        pytest.param("../1/data/x", "leads elsewhere", id="above the bag"),
        pytest.param("/etc/passwd", "absolute", id="absolute"),
        pytest.param("1/data//x", "leads elsewhere", id="an empty part"),
        pytest.param("1/data/./x", "leads elsewhere", id="a dot"),
        pytest.param("1/data/C:x", "absolute", id="a drive"),
        pytest.param("1/data/x\x1b[2J", "cannot be seen", id="a control character"),
        pytest.param("1/data/x\u202egpj", "cannot be seen", id="a reversed name"),
        pytest.param(f"1/data/{'x' * 300}", "too long", id="a long part"),
        pytest.param("1/data/" + "x/" * 1200 + "x", "too long", id="a long name"),
        pytest.param("2/data/x", "one folder", id="a second bag"),
        pytest.param("x", "beside the bag", id="beside the bag"),
        pytest.param("1/extra.txt", "no part of a bag of ours", id="another tag file"),
        pytest.param("1/data/session_id", "one file on some systems", id="differs in case only"),
        pytest.param("1/data/SESSION_ID/x", "a file and a folder", id="below a file"),
    ],
)
def test_names_that_lead_elsewhere_are_refused(forge: Forge, tmp_path: Path, name: str, why: str) -> None:
    with pytest.raises(ArchiveRefused, match=why):
        restoring.restore(forge(more={name: b"x"}), tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("mode", "what"),
    [
        pytest.param(stat.S_IFLNK | 0o777, "link", id="a symbolic link"),
        pytest.param(stat.S_IFIFO | 0o600, "pipe", id="a pipe"),
        pytest.param(stat.S_IFCHR | 0o600, "device", id="a device"),
        pytest.param(stat.S_IFDIR | 0o700, "folder", id="a folder"),
    ],
)
def test_what_is_no_plain_file_is_refused(forge: Forge, mode: int, what: str) -> None:
    with pytest.raises(ArchiveRefused, match="no plain file"):
        Bag(forge(more={kind(f"1/data/{what}", mode): b"/etc/passwd"}))


def test_a_name_that_stands_twice_is_refused(forge: Forge) -> None:
    with pytest.warns(UserWarning, match="Duplicate"):
        path = forge(more={"1/data/SESSION_ID": b"2\n"})
    with pytest.raises(ArchiveRefused, match="twice"):
        Bag(path)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        pytest.param({"without": "data/b"}, "data/b is missing", id="a listed file is gone"),
        pytest.param({"unlisted": frozenset({"data/b"})}, "data/b is not in manifest", id="an unlisted file"),
        pytest.param({"without": layout.BAGIT}, "bagit.txt is missing", id="no declaration"),
        pytest.param(
            {"tags": {layout.BAGIT: b"BagIt-Version: 9\n"}}, "not that of a bag", id="another version"
        ),
        pytest.param({"tags": {layout.MANIFEST: b"zz  data/a\n"}}, "no SHA-256", id="no hash"),
        pytest.param({"tags": {layout.MANIFEST: b"\xff"}}, "not UTF-8", id="no text"),
        pytest.param({"tags": {layout.INFO: b"Run-Number: many\n"}}, "does not say", id="no number"),
        pytest.param({"tags": {layout.INFO: b"no label\n"}}, "without a label", id="no label"),
        pytest.param(
            {"tags": {layout.TAG_MANIFEST: layout.manifest_bytes({layout.INFO: "0" * 64})}},
            "is not in tagmanifest",
            id="tags that are not listed",
        ),
    ],
)
def test_a_bag_that_contradicts_itself_is_refused(forge: Forge, change: dict[str, object], why: str) -> None:
    with pytest.raises(ArchiveRefused, match=why):
        Bag(forge({"a": b"1", "b": b"2"}, **change))


@pytest.mark.parametrize("count", [10**30, -1, "1e3"])
def test_a_count_of_what_cannot_be_there_is_refused(count: object) -> None:
    """The numbers of an archive that was put in go on into the chain, and from it into the store."""
    text = layout.info_bytes(layout.BagInfo(run="r", number=7, archived_ms=0, started_ms=0))
    assert layout.info_of(text).number == 7
    with pytest.raises(ArchiveRefused, match="does not say"):
        layout.info_of(text.replace(b"Run-Number: 7", f"Run-Number: {count}".encode()))


def test_a_wrong_manifest_names_the_file(forge: Forge) -> None:
    listed = layout.manifest_bytes({"data/a": "0" * 64})
    with Bag(forge({"a": b"1"}, tags={layout.MANIFEST: listed})) as bag:
        assert bag.verify() == ["forged.zip: a is not what was archived."]


def test_a_bomb_is_refused_before_it_is_unpacked(forge: Forge, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(members, "RATIO_FREE_BYTES", 1 << 20)
    with pytest.raises(ArchiveRefused, match="would unpack to"):
        Bag(forge({"zeros": bytes(8 << 20)}))
    monkeypatch.setattr(members, "MEMBERS_MAX", 5)
    with pytest.raises(ArchiveRefused, match="more than 5 files"):
        Bag(forge({str(number): b"" for number in range(9)}))


def test_a_size_that_lies_is_found(forge: Forge) -> None:
    path = forge({"zeros": bytes(1 << 16)})
    data = path.read_bytes()
    path.write_bytes(data.replace(struct.pack("<I", 1 << 16), struct.pack("<I", 16)))
    with pytest.raises(ArchiveRefused):
        Bag(path)


@pytest.mark.parametrize(
    "data", [b"", b"PK", b"not a zip", bytes(100)], ids=["empty", "two bytes", "text", "zeros"]
)
def test_what_is_no_archive_is_said_in_one_sentence(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "x.zip"
    path.write_bytes(data)
    with pytest.raises(ArchiveRefused, match="no archive of a session"):
        Bag(path)
    with pytest.raises(UsageError, match="cannot be read"):
        Bag(tmp_path / "missing.zip")


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small archive."""
    workspace, clock = Workspace(tmp_path_factory.mktemp("sound") / "monitor-session"), ManualClock()
    (workspace.root / "logs").mkdir(parents=True)
    for name, data in SMALL.items():
        (workspace.root / name).write_bytes(data)
    shelf = Shelf.beside(workspace.root)
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
