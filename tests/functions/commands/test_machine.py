"""Processes and sockets of this machine, as ps, ss and lsof tell them."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.functions.commands.stand_ins import StandIn, on_path
from tests.functions.desks import SECRET, desk_at, good, pages, refused
from tools.functions.contract import Desk


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return desk_at(tmp_path)


@pytest.fixture
def process(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    mark = tmp_path.name
    code = "import sys; sys.stdin.read()"
    one = subprocess.Popen(
        [sys.executable, "-c", code, mark, f"--token={SECRET}", "\x1b[31m"], stdin=subprocess.PIPE
    )
    yield one
    assert one.stdin is not None
    one.stdin.close()
    one.wait(20)


def test_a_process_is_told_with_its_command_line_masked(
    desk: Desk, process: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    (found,) = good("command_ps", desk, text=f" {tmp_path.name} ").data["items"]
    assert (found["pid"], found["rssKb"] > 0) == (process.pid, True)
    assert SECRET not in str(found)
    assert "--token=" in found["commandLine"]
    assert pages("command_ps", desk, text=SECRET) == []


def test_a_process_and_its_children_are_asked_for_by_pid(
    desk: Desk, process: subprocess.Popen[bytes]
) -> None:
    assert [one["pid"] for one in pages("command_ps", desk, pid=process.pid)] == [process.pid]
    assert pages("command_ps", desk, pid=2**31 - 1) == []


@pytest.mark.parametrize("program", ["ss", "lsof"])
def test_a_listening_socket_is_told_with_its_holder(desk: Desk, tmp_path: Path, program: str) -> None:
    path = shutil.which(program)
    if path is None:
        pytest.skip(f"{program} is not on PATH")
    (tmp_path / "only").mkdir()
    (tmp_path / "only" / program).symlink_to(path)
    desk = on_path(desk, tmp_path / "only", PATH=str(tmp_path / "only"))
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        answer = good("command_listening", desk, port=port)
    assert answer.data["program"] == program
    (found,) = answer.data["items"]
    assert (found["port"], found["address"]) == (port, "127.0.0.1")
    assert len(found["processes"]) == 1


def test_hostile_process_names_are_parsed_as_names(desk: Desk, tmp_path: Path) -> None:
    ss = StandIn(tmp_path / "bin", "ss")
    ss.prints(
        'LISTEN 0 128 0.0.0.0:8080 0.0.0.0:* users:(("a\\"b ((x",pid=7,fd=3),("nginx",pid=8,fd=3))\n'
        "LISTEN 0 128 [::1]:9 [::]:*\nnonsense\nLISTEN 0 1 *:x *:*\n"
    )
    rows = pages("command_listening", on_path(desk, tmp_path / "bin"))
    assert [(one["port"], one["address"]) for one in rows] == [(9, "[::1]"), (8080, "0.0.0.0")]
    assert "nginx (pid 8)" in rows[1]["processes"]


def test_without_the_programs_it_is_told(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "none").mkdir()
    desk = on_path(desk, tmp_path, PATH=str(tmp_path / "none"))
    assert "ps is not installed here" in refused("command_ps", desk)
    assert "lsof is not installed here. Install ss" in refused("command_listening", desk)
