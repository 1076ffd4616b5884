"""What a client sends that is no JSON is mended or answered; nothing of it ends the server."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import IO, Any

import pytest

from tests.e2e.audits import environment
from tests.orchestrator.mcp_server.client import ROOT
from tests.report import made_session

TOKEN = "ghp_" + "Zq3xV7" * 6
BEGIN = {
    "jsonrpc": "2.0",
    "id": 0,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-06-18",
        "capabilities": {},
        "clientInfo": {"name": f"{'a' * 30} {TOKEN}", "version": "1"},
    },
}
FIRST = (
    '{"jsonrpc":"2.0","id":%s,"method":"tools/call","params":{"name":"findings_get","arguments":{"id":%s}}}'
)
LAST = (
    '{"method":"tools/call","params":{"name":"findings_get","arguments":{"id":%s}},"jsonrpc":"2.0","id":%s}'
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[subprocess.Popen[str]]:
    folder = tmp_path_factory.mktemp("wire")
    made_session.make(folder)
    with subprocess.Popen(
        [sys.executable, "-m", "orchestrator", "mcp"],
        cwd=folder,
        env=environment() | {"PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        send(process, json.dumps(BEGIN))
        assert answer(process)["id"] == 0
        send(process, '{"jsonrpc":"2.0","method":"notifications/initialized"}')
        yield process
        pipe(process.stdin).close()
        assert process.wait(60) == 0


def pipe(made: IO[str] | None) -> IO[str]:
    assert made is not None
    return made


def send(process: subprocess.Popen[str], line: str) -> None:
    pipe(process.stdin).write(line + "\n")
    pipe(process.stdin).flush()


def answer(process: subprocess.Popen[str]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(pipe(process.stdout).readline())
    return found


def test_half_a_character_is_mended(server: subprocess.Popen[str]) -> None:
    line = FIRST.replace("findings_get", "code_file").replace('{"id":%s}', '{"path":%s}')
    send(server, line % (1, r'"no\ud83d.py"'))
    told = answer(server)
    assert told["id"] == 1
    assert "no?.py" in told["result"]["structuredContent"]["error"]


@pytest.mark.parametrize(
    ("value", "words"),
    [
        pytest.param("[" * 900 + "]" * 900, "nested too deeply", id="deep"),
        pytest.param("[" * 100_000 + "]" * 100_000, "nested too deeply", id="deeper"),
        pytest.param("9" * 10_000, "Exceeds the limit", id="a number without an end"),
        pytest.param('"a', "", id="cut off"),
    ],
)
@pytest.mark.parametrize("id_", [7, "x-1"])
def test_what_cannot_be_read_is_refused_by_the_id_of_its_request(
    server: subprocess.Popen[str], value: str, words: str, id_: object
) -> None:
    for line in (FIRST % (json.dumps(id_), value), LAST % (value, json.dumps(id_))):
        send(server, line)
        told = answer(server)
        assert told["id"] == id_
        assert "no JSON that can be read" in told["error"]["message"]
        assert words in told["error"]["message"]


def test_a_line_of_nobody_is_answered_to_nobody_and_the_server_goes_on(server: subprocess.Popen[str]) -> None:
    send(server, "garbage")
    assert answer(server)["id"] is None
    send(server, FIRST % (2, '"RSA-001"'))
    assert answer(server)["result"]["structuredContent"]["findingId"] == "RSA-001"
