"""What services print: masked, told apart, ready or not; the same after the keeper was killed in between."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.keeper.capture import Capture, Logs
from orchestrator.keeper.spool import SpoolLine
from tools.workspace import Workspace

KEY = [
    "-----BEGIN RSA PRIVATE KEY-----",
    *(f"MIIEowIBAAKCAQEA{n:016d}abcdef" for n in range(6)),
    "-----END RSA PRIVATE KEY-----",
]


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    workspace = Workspace(tmp_path / "session")
    workspace.create()
    return workspace


def spool_lines(*texts: str, start: int = 0) -> list[SpoolLine]:
    found = []
    for text in texts:
        data = text.encode()
        found.append(SpoolLine(data, start, start + len(data) + 1))
        start += len(data) + 1
    return found


def test_lines_go_to_their_service_without_prefix_and_whole_to_the_startup_log(workspace: Workspace) -> None:
    logs = Logs(workspace)
    capture = Capture(logs, named=("orders", "payments"))
    capture.take(0, spool_lines("orders   | ready", "payments | booting", "npm notice", "orders   | working"))
    logs.close()
    assert workspace.service_log("orders").read_text() == "ready\nworking\n"
    assert workspace.path("logs", "startup.log").read_text().count("\n") == 4
    assert capture.names == ("orders", "payments")
    assert capture.ready == ("orders",)


def test_a_command_of_one_service_needs_no_prefix(workspace: Workspace) -> None:
    logs = Logs(workspace)
    capture = Capture(logs, named=("web", "worker"))
    capture.take(0, spool_lines("worker | is a word here"), "web")
    capture.take(1, spool_lines("ready"), "worker")
    logs.close()
    assert workspace.service_log("web").read_text() == "worker | is a word here\n"
    assert capture.ready == ("worker",)


def test_a_private_key_is_masked_although_the_keeper_was_killed_in_the_middle(workspace: Workspace) -> None:
    first_half = spool_lines(*(f"orders | {line}" for line in KEY[:4]))
    second_half = spool_lines(*(f"orders | {line}" for line in KEY[4:]), start=first_half[-1].end)
    logs = Logs(workspace)
    before = Capture(logs, named=("orders",))
    before.take(0, first_half)
    after = Capture(logs, named=("orders",), names=before.names, open_keys=before.open_keys())
    after.take(0, second_half)
    logs.close()
    both = workspace.service_log("orders").read_text() + workspace.path("logs", "startup.log").read_text()
    assert "MIIEow" not in both
    assert both.count("[masked:private-key") >= 2 * (len(KEY) - 1)


def test_lines_that_find_no_room_are_counted(workspace: Workspace) -> None:
    logs = Logs(workspace)
    workspace.path("logs", "startup.log").mkdir()
    Capture(logs, named=("orders",)).take(0, spool_lines("orders | ready"))
    assert logs.lost() == {"startup": 15}
    logs.close()
