"""PM2 and the journal: asked only in ways that change nothing."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.functions.commands.stand_ins import StandIn, lines, on_path
from tests.functions.desks import SECRET, desk_at, good, pages, refused
from tools.errors import FunctionRefused
from tools.functions.commands import keepers
from tools.functions.commands.runner import Command, raw
from tools.functions.contract import Desk

LIST = [
    {"pm_id": number, "name": name, "pid": 100 + number, "monit": {"memory": 5, "cpu": 1},
     "pm2_env": {"status": "online", "restart_time": 3, "API_TOKEN": SECRET, "env": {"X": SECRET}}}
    for number, name in enumerate(["web", "billing", "mail"])
]  # fmt: skip


@pytest.fixture
def pm2(tmp_path: Path) -> StandIn:
    return StandIn(tmp_path / "bin", "pm2")


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return on_path(desk_at(tmp_path), tmp_path / "bin", PM2_HOME=str(tmp_path / "p"))


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[None]:
    (tmp_path / "p").mkdir()
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "p" / "rpc.sock"))
        listening.listen(8)
        yield


@pytest.mark.usefixtures("daemon")
def test_processes_of_pm2_are_told_without_their_environment(desk: Desk, pm2: StandIn) -> None:
    pm2.prints(">>>> In-memory PM2 is out-of-date\n" + json.dumps(LIST) + "\n")
    rows = pages("command_pm2", desk, limit=2)
    assert [(one["name"], one["status"], one["restart_time"]) for one in rows] == [
        ("web", "online", 3),
        ("billing", "online", 3),
        ("mail", "online", 3),
    ]
    assert SECRET not in str(rows)
    assert pm2.started()[0].arguments == ["jlist"]
    pm2.prints("[]\n")
    assert pages("command_pm2", desk) == []
    pm2.prints("no list\n")
    assert "gave no list" in refused("command_pm2", desk)


def test_pm2_is_not_started_where_its_daemon_does_not_run(desk: Desk, pm2: StandIn, tmp_path: Path) -> None:
    assert "No PM2 daemon of this user runs" in refused("command_pm2", desk)
    (tmp_path / "p").mkdir()
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(tmp_path / "p" / "rpc.sock"))
    assert "No PM2 daemon of this user runs" in refused("command_pm2", desk)
    assert pm2.started() == []


def test_a_home_of_pm2_in_the_project_is_not_used(desk: Desk, pm2: StandIn, tmp_path: Path) -> None:
    inside = on_path(desk, tmp_path / "bin", PM2_HOME=str(desk.project_root / ".pm2"))
    assert "lies in the audited project" in refused("command_pm2", inside)
    assert pm2.started() == []


def test_the_real_pm2_changes_nothing_and_starts_nothing(desk: Desk, tmp_path: Path) -> None:
    """Each file of its home is as it was; asked without a daemon, it ends without having started one."""
    if shutil.which("pm2") is None:
        pytest.skip("pm2 is not on PATH")
    home = tmp_path / "p"
    environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "PM2_HOME": str(home)}
    (tmp_path / "service.js").write_text("setInterval(() => {}, 1000)", encoding="utf-8")
    desk = replace(desk, environ=environ)
    try:
        start = ["pm2", "start", str(tmp_path / "service.js"), "--name", "orders"]
        subprocess.run(
            start, env={**environ, "API_TOKEN": SECRET}, capture_output=True, check=True, timeout=60
        )
        before = files_of(home)
        answer = good("command_pm2", desk)
        assert [(one["name"], one["status"]) for one in answer.data["items"]] == [("orders", "online")]
        assert SECRET not in answer.text
        assert files_of(home) == before
    finally:
        subprocess.run(["pm2", "kill"], env=environ, capture_output=True, check=False, timeout=60)
    fresh = str(tmp_path / "fresh")
    command = Command("pm2", ("jlist",), (), {**keepers.PM2_SETS, "PM2_HOME": fresh}, home=True)
    with pytest.raises(FunctionRefused, match="pm2 failed"):
        raw(desk.begun(), command)
    assert not Path(fresh).exists()


def files_of(folder: Path) -> dict[str, tuple[int, bytes]]:
    return {
        str(path): (path.lstat().st_mtime_ns, path.read_bytes() if path.is_file() else b"")
        for path in sorted(folder.rglob("*"))
    }


def test_entries_of_a_unit_are_told_newest_first(desk: Desk, tmp_path: Path) -> None:
    journalctl = StandIn(tmp_path / "bin", "journalctl")
    journalctl.prints(
        lines(
            {
                "MESSAGE": "first",
                "PRIORITY": "6",
                "__REALTIME_TIMESTAMP": "1769860800000000",
                "__CURSOR": "a",
            },
            {
                "MESSAGE": f"second {SECRET}\nof two lines",
                "PRIORITY": "3",
                "__REALTIME_TIMESTAMP": "1769860801000000",
            },
            {"MESSAGE": [104, 105], "PRIORITY": "4", "__REALTIME_TIMESTAMP": "1769860802000000"},
        )
    )
    answer = good("command_journal", desk, unit="orders@1.service", limit=2, since="2026-01-31T12:00:00Z")
    texts = [(one["level"], one["text"]) for one in answer.data["items"]]
    assert texts[0] == ("WARN", "hi")
    assert texts[1][0] == "ERROR"
    assert texts[1][1].endswith("of two lines")
    assert SECRET not in answer.text
    assert answer.next_page == "2"
    assert journalctl.started()[0].arguments == [
        "--no-pager", "--quiet", "--output=json", "--all", "--output-fields=MESSAGE,PRIORITY", "--unit=orders@1.service",
        "--lines=3", "--since=@1769860800",
    ]  # fmt: skip
    good("command_journal", desk, unit="user/orders", page="2", limit=2)
    assert "--user-unit=orders" in journalctl.started()[1].arguments


@pytest.mark.parametrize(
    "unit",
    [
        "--rotate",
        "--vacuum-size=1",
        "-f",
        "",
        "a b",
        "x\n",
        "user/--flush",
        "*",
        "user/",
        "x" * 300,
        "user/user/-x",
    ],
)
def test_a_unit_that_is_none_starts_nothing(desk: Desk, tmp_path: Path, unit: str) -> None:
    journalctl = StandIn(tmp_path / "bin", "journalctl")
    refused("command_journal", desk, unit=unit)
    assert journalctl.started() == []


def test_the_real_journalctl_takes_the_options(tmp_path: Path) -> None:
    if shutil.which("journalctl") is None:
        pytest.skip("journalctl or systemd-journal-remote is missing")
    desk = desk_at(tmp_path)
    assert (
        pages("command_journal", desk, unit="streamgauge-there-is-none", since="2026-01-31T12:00:00Z") == []
    )
