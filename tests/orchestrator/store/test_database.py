"""The store's file: made on purpose only, checked, migrated with a copy before, and clear about what it is not."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import closing
from pathlib import Path

import pytest

from orchestrator.store import database, health
from orchestrator.store.migrations import MIGRATIONS, REQUIRED
from tools.errors import UsageError


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / ".state" / "orchestration.db"


def foreign(path: Path, script: str = "CREATE TABLE runs (run_id TEXT)") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(path)
    connection.executescript(script)
    connection.close()


def test_a_store_is_made_once_and_appears_whole(path: Path) -> None:
    assert database.create(path)
    assert not database.create(path)
    assert [file.name for file in path.parent.iterdir()] == [path.name]
    assert path.read_bytes()[18:20] == b"\2\2", "written ahead from the beginning, for nobody to switch it"
    with database.open_store(path) as store:
        assert store.one("PRAGMA journal_mode") == "wal"
        assert store.one("PRAGMA user_version") == len(MIGRATIONS)
        tables = {row["name"] for row in store.rows("SELECT name FROM sqlite_master WHERE type = 'table'")}
    assert tables >= REQUIRED.keys()


def nothing(_path: Path) -> None:
    pass


@pytest.mark.parametrize(
    ("prepare", "said"),
    [
        pytest.param(nothing, "there is no database", id="missing"),
        pytest.param(lambda path: path.write_bytes(b""), "the table runs is missing", id="empty file"),
        pytest.param(lambda path: path.write_bytes(b"no database" * 99), "not a database", id="another file"),
        pytest.param(lambda path: path.mkdir(), "cannot be used", id="a folder"),
        pytest.param(foreign, "the table runs has no column ended_at", id="a foreign table"),
        pytest.param(
            lambda path: foreign(path, "CREATE TABLE x (y)"), "the table runs is missing", id="foreign"
        ),
    ],
)
def test_what_is_no_store_is_named_and_not_touched(
    path: Path, prepare: Callable[[Path], object], said: str
) -> None:
    path.parent.mkdir()
    prepare(path)
    before = path.read_bytes() if path.is_file() else None
    with pytest.raises(UsageError, match=said) as refused:
        database.open_store(path)
    assert str(path) in str(refused.value)
    assert (path.read_bytes() if path.is_file() else None) == before
    assert said in health.examine(path).problem


def test_a_foreign_database_with_all_tables_is_not_taken_for_ours(path: Path) -> None:
    columns = {table: ", ".join(sorted(names)) for table, names in REQUIRED.items()}
    foreign(path, ";".join(f"CREATE TABLE {table} ({names})" for table, names in columns.items()))
    with pytest.raises(UsageError, match="made by another program"):
        database.open_store(path)


def test_a_newer_store_is_refused(path: Path) -> None:
    database.create(path)
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 999")
    connection.close()
    with pytest.raises(UsageError, match="newer version of streamgauge"):
        database.open_store(path)


def test_an_older_store_is_copied_and_brought_forward(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    database.create(path)
    with database.open_store(path) as store, store.writing() as connection:
        connection.execute("INSERT INTO runs (run_id, status, started_at) VALUES ('1', 'COMPLETED', 'then')")

    def second(connection: sqlite3.Connection) -> None:
        connection.execute("ALTER TABLE runs ADD COLUMN owner TEXT NOT NULL DEFAULT 'nobody'")

    monkeypatch.setattr(database, "MIGRATIONS", (*MIGRATIONS, second))
    monkeypatch.setattr(database, "VERSION", len(MIGRATIONS) + 1)
    with database.open_store(path) as store:
        assert tuple(store.rows("SELECT run_id, owner FROM runs")[0]) == ("1", "nobody")
    copy = sqlite3.connect(path.with_name(f"{path.name}.before-{len(MIGRATIONS) + 1}"))
    assert copy.execute("SELECT run_id FROM runs").fetchall() == [("1",)]
    assert copy.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS),)
    copy.close()


def test_several_that_bring_a_store_forward_at_once_keep_a_copy_of_it_as_it_was(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database.create(path)
    version = len(MIGRATIONS)

    def second(connection: sqlite3.Connection) -> None:
        connection.execute("CREATE TABLE second (a)")

    monkeypatch.setattr(database, "MIGRATIONS", (*MIGRATIONS, second))
    monkeypatch.setattr(database, "VERSION", version + 1)

    def opened(_: int) -> object:
        with database.open_store(path) as store:
            return store.one("PRAGMA user_version")

    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(opened, range(8))) == {version + 1}
    with closing(sqlite3.connect(path.with_name(f"{path.name}.before-{version + 1}"))) as copy:
        assert copy.execute("PRAGMA user_version").fetchone() == (version,)
    assert [left.name for left in path.parent.glob(".*.tmp.*")] == []


def test_a_store_that_another_writes_to_at_its_first_opening_is_waited_for(path: Path) -> None:
    database.create(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as writer, ThreadPoolExecutor(1) as pool:
        # As a copy from before an upgrade is, or a store that an earlier version made.
        writer.execute("PRAGMA journal_mode = DELETE")
        writer.execute("BEGIN IMMEDIATE")
        opened = pool.submit(database.open_store, path)
        assert wait([opened], timeout=0.5).not_done == {opened}
        writer.execute("COMMIT")
        with opened.result(timeout=10) as store:
            assert store.one("PRAGMA journal_mode") == "wal"


def test_a_step_that_fails_leaves_the_version_before(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    database.create(path)

    def broken(connection: sqlite3.Connection) -> None:
        connection.execute("CREATE TABLE half (x)")
        connection.execute("CREATE TABLE half (x)")

    monkeypatch.setattr(database, "MIGRATIONS", (*MIGRATIONS, broken))
    monkeypatch.setattr(database, "VERSION", len(MIGRATIONS) + 1)
    with pytest.raises(UsageError, match="already exists"):
        database.open_store(path)
    monkeypatch.undo()
    with database.open_store(path) as store:
        assert store.rows("SELECT name FROM sqlite_master WHERE name = 'half'") == []


def test_a_transaction_is_all_or_nothing(path: Path) -> None:
    database.create(path)
    insert = "INSERT INTO runs (run_id, status, started_at) VALUES (?, 'x', 'y')"
    with database.open_store(path) as store:
        with pytest.raises(UsageError, match="UNIQUE"), store.writing() as connection:
            connection.executemany(insert, [("1",), ("1",)])
        assert store.one("SELECT count(*) FROM runs") == 0


def test_a_damaged_store_is_told(path: Path) -> None:
    database.create(path)
    data = bytearray(path.read_bytes())
    data[4096:8192] = b"\xff" * 4096
    path.write_bytes(data)
    found = health.examine(path)
    assert str(path) in found.problem
