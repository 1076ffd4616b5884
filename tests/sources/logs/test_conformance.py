"""Every log feed keeps every contract."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.fakes import journal
from tests.sources.logs import conformance
from tests.sources.logs.benches import Bench, DockerBench, FileBench, JournalBench, StoreBench

BENCHES = (
    "file renamed", "file truncated", "file deleted", "docker stand-in", "kubectl stand-in", "kubectl", "journald",
    "docker",
)  # fmt: skip


@pytest.fixture(params=BENCHES)
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bench]:
    made = make(request, tmp_path)
    yield made
    made.close()


def make(request: pytest.FixtureRequest, folder: Path) -> Bench:
    kind, _, change = request.param.partition(" ")
    if kind == "file":
        return FileBench(folder, change)
    if change == "stand-in":
        return StoreBench(folder, kind)
    if kind == "kubectl":
        if shutil.which("kubectl") is None:
            pytest.skip("kubectl is not on PATH")
        return StoreBench(folder, kind, api=True)
    if kind == "journald":
        if journal.writer() is None:
            pytest.skip("journalctl or systemd-journal-remote is missing")
        return JournalBench(folder)
    return DockerBench(folder, request.getfixturevalue("engine"))


@pytest.mark.parametrize("contract", conformance.CONTRACTS, ids=lambda contract: contract.__name__)
def test_a_feed(bench: Bench, contract: Callable[[Bench], None]) -> None:
    contract(bench)
