"""A bundle: what is in it, what never is, and that whatever fails is told and stops nothing else."""

from __future__ import annotations

import json
import os
import sqlite3
import stat
import threading
import zipfile
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from orchestrator.cli.boundary import StateFolder
from orchestrator.cli.request import Request, read
from orchestrator.diagnostics import sources
from orchestrator.diagnostics.bundle import PIECE_BYTES_MAX, Bounds, Piece, Row, within, write
from orchestrator.diagnostics.making import Order, make
from orchestrator.store import database
from tests.conftest import Server
from tests.fakes.clock import ManualClock
from tools.clock import SystemClock
from tools.errors import UsageError

PASSWORD = "correct-horse-battery"
VALUE = "value-of-an-entry-4711"


def text_of(path: Path, name: str) -> str:
    with zipfile.ZipFile(path) as bag:
        return bag.read(name).decode()


def everything(path: Path) -> str:
    with zipfile.ZipFile(path) as bag:
        return "\n".join(bag.read(name).decode() for name in bag.namelist())


def bundle(folder: Path, url: str | None, *, values: bool = False) -> tuple[Path, dict[str, Row]]:
    text = '[[logs.sources]]\nservice = "orders"\npath = "logs/*.log"\n'
    (folder / "streamgauge.toml").write_text(text, encoding="utf-8")
    environ = {
        "PATH": os.environ["PATH"],
        "DOCKER_HOST": "unix:///nonexistent.sock",
        "STREAMGAUGE_NIGHTLY_PING_URL": f"https://hc.example/{PASSWORD}-uuid",
        "SMTP_PASSWORD": f"{PASSWORD}-mail",
        "SOMETHING": f"{VALUE}-of-a-variable",
    }
    flags = {"redis.url": url} if url else {}
    loaded = read(Request(flags=flags), environ, folder, StateFolder(folder))
    path = folder / "out" / "bundle.zip"
    rows = make(Order(path, values, 60.0, "1"), loaded, environ, SystemClock())
    return path, {row.name: row for row in rows}


def test_a_bundle_tells_of_everything_and_of_no_secret(tmp_path: Path, server: Server) -> None:
    for number in range(30):
        server.client.xadd("orders", {"note": VALUE, "n": number})
    server.client.xgroup_create("orders", "billing", id="0")
    server.client.set("result:1", VALUE)
    before = server.client.info("commandstats")
    (tmp_path / "logs").mkdir()
    log = f"10:00 connecting to redis://default:{PASSWORD}@10.0.0.1:6379\n" + "10:01 fine\n" * 40_000
    (tmp_path / "logs" / "orders.log").write_text(log + f"10:02 password={PASSWORD}\n", encoding="utf-8")
    database.create(tmp_path / ".state" / "orchestration.db")
    path, rows = bundle(tmp_path, server.url)
    whole = everything(path)
    assert PASSWORD not in whole
    assert VALUE not in whole
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    there = [name for name, row in rows.items() if not row.problem]
    assert {"about.json", "configuration.json", "host.json", "runs/runs.json", "redis/keys.json"} <= set(
        there
    )
    assert {"redis/info-memory.json", "redis/stream-00.json", "redis/stream-00-groups.json"} <= set(there)
    keys = json.loads(text_of(path, "redis/keys.json"))
    assert (keys["byType"], keys["all"]) == ({"stream": 1, "string": 1}, True)
    assert "billing" in text_of(path, "redis/stream-00-groups.json")
    assert "10:02" in text_of(path, "logs/orders-0-orders.log")
    assert "10:00" not in text_of(path, "logs/orders-0-orders.log")
    assert json.loads(text_of(path, "environment.json"))["SOMETHING"] == f"set, {len(VALUE) + 14} characters"
    summary = text_of(path, "SUMMARY.md")
    assert "Redis was asked for no value of any key" in summary
    for name in ("containers/list.json", "session/session.json", "workflows"):
        assert rows[name].problem
        assert rows[name].what in summary
    changed = set(server.client.info("commandstats")) - set(before)
    assert not {
        name for name in changed if name.split("_")[1].split("|")[0] in {"xadd", "set", "del", "xack"}
    }


def test_values_are_in_it_only_where_they_are_asked_for(tmp_path: Path, server: Server) -> None:
    server.client.xadd("orders", {"note": VALUE, "password": PASSWORD})
    path, rows = bundle(tmp_path, server.url, values=True)
    assert not rows["redis/stream-00-entries.json"].problem
    entries = text_of(path, "redis/stream-00-entries.json")
    assert VALUE in entries
    assert PASSWORD not in everything(path)
    assert "--values asked for them" in text_of(path, "SUMMARY.md")


def test_without_a_server_the_rest_is_there(tmp_path: Path) -> None:
    path, rows = bundle(tmp_path, f"redis://:{PASSWORD}@127.0.0.1:1/0")
    assert "no connection" in rows["redis/keys.json"].problem
    assert not rows["host.json"].problem
    assert PASSWORD not in everything(path)


def made(folder: Path, *pieces: Piece, seconds: float = 30.0, **bounds: Any) -> tuple[Path, list[Row]]:
    path = folder / "b.zip"
    return path, write(path, "", pieces, Bounds(seconds, **bounds), ManualClock())


def test_what_fails_stands_still_or_is_too_long_is_told(tmp_path: Path) -> None:
    def fails() -> str:
        raise OSError(13, "Permission denied")

    path, rows = made(
        tmp_path,
        Piece("a", "one | [that](http://x) fails", fails),
        Piece("b", "one that is long", lambda: "x" * (PIECE_BYTES_MAX + 1)),
        Piece("c", "one with a secret", lambda: "it is hush-hush-42, really"),
        secrets=("hush-hush-42",),
    )
    assert [row.problem for row in rows] == ["Permission denied", "cut after 1,000,000 bytes", ""]
    assert text_of(path, "c") == "it is [masked], really"
    assert [item.name for item in tmp_path.iterdir()] == ["b.zip"]


def test_an_error_that_nobody_foresaw_is_told_at_once(tmp_path: Path) -> None:
    def fails() -> str:
        return os.environ["STREAMGAUGE_NO_SUCH_VARIABLE"]

    _, rows = made(tmp_path, Piece("a", "lone \ud800", fails), Piece("b", "lone \ud800", lambda: "x"))
    assert [row.problem for row in rows] == ["KeyError: 'STREAMGAUGE_NO_SUCH_VARIABLE'", ""]


@pytest.mark.parametrize("ascii_alone", [True, False])
def test_a_secret_is_masked_as_json_writes_it_too(tmp_path: Path, *, ascii_alone: bool) -> None:
    secret = 'ho"rse\\stäple\nof-two-lines'
    path, _ = made(
        tmp_path,
        Piece("a", "", lambda: json.dumps({"note": secret}, ensure_ascii=ascii_alone)),
        secrets=(secret,),
    )
    assert text_of(path, "a") == '{"note": "[masked]"}'


def test_a_store_of_another_version_stays_what_it_is(tmp_path: Path) -> None:
    store = tmp_path / "orchestration.db"
    database.create(store)
    with closing(sqlite3.connect(store)) as connection:
        connection.execute("PRAGMA user_version = 1")
    before = store.read_bytes()
    pieces = {piece.name: piece for piece in sources.of_runs(store)}
    assert json.loads(pieces["runs/runs.json"].make()) == []
    assert store.read_bytes() == before


def test_nothing_is_waited_for_that_stands_still() -> None:
    stuck = threading.Event()
    try:
        with pytest.raises(TimeoutError, match="no answer within"):
            within(lambda: str(stuck.wait(60)), 0.05)
    finally:
        stuck.set()


def test_what_is_left_when_the_time_is_over_is_told(tmp_path: Path) -> None:
    clock = ManualClock()

    def slow() -> str:
        clock.advance(31)
        return "x"

    path = tmp_path / "b.zip"
    rows = write(path, "", [Piece("a", "", slow), Piece("b", "", slow)], Bounds(30.0), clock)
    assert [row.problem for row in rows] == ["", "left out: the bundle had used up its 30 s"]


def test_a_file_that_is_there_is_not_written_over(tmp_path: Path) -> None:
    made(tmp_path)
    with pytest.raises(UsageError, match="is there already"):
        made(tmp_path)
