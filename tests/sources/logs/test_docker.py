"""What only a real engine shows: both outputs in order, restarts of the engine, containers replaced."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.store import database
from orchestrator.store.database import Store
from orchestrator.watch.container_tail import ContainerTail
from tests.fakes.docker_engine import IMAGE, Container, DockerEngine
from tests.fakes.waiting import wait_for
from tests.sources.logs.benches import DockerBench
from tests.sources.logs.conformance import Reading, check_whole, numbered
from tools.clock import SystemClock
from tools.errors import SourceUnavailable
from tools.sources.logs import docker
from tools.sources.logs.feed import CommandCheckpoint


@pytest.fixture
def bench(engine: DockerEngine, tmp_path: Path) -> Iterator[DockerBench]:
    made = DockerBench(tmp_path, engine)
    yield made
    made.close()


def test_standard_output_and_error_come_in_the_engines_order(engine: DockerEngine, tmp_path: Path) -> None:
    script = "i=0; while [ $i -lt 200 ]; do echo out $i; echo err $i >&2; i=$((i+1)); done"
    bench = DockerBench(tmp_path, engine)
    name = f"{bench.container.name}-both"
    engine.docker("run", "--network", "none", "--name", name, IMAGE, "sh", "-c", script)
    try:
        reading = Reading(bench.named(name))
        reading.until_lines(400)
        reading.feed.close()
    finally:
        engine.docker("rm", name)
        bench.close()
    assert sorted(reading.texts) == sorted(
        text for number in range(200) for text in (b"out %d" % number, b"err %d" % number)
    )
    times = [line.at_ms or 0 for line in reading.lines]
    assert max(before - after for before, after in itertools.pairwise(times)) < 100


def test_a_restart_of_the_engine_loses_nothing(engine: DockerEngine, bench: DockerBench) -> None:
    if engine.is_foreign:
        pytest.skip("the engine is not ours to restart")
    reading = Reading(bench.feed())
    bench.write(numbered(0, 30))
    reading.until_lines(30)
    engine.stop()
    reading.until(lambda: reading.feed.blindness() or reading.notes)
    engine.start()
    bench.again()
    bench.write(numbered(30, 60))
    reading.until_lines(60)
    reading.feed.close()
    check_whole(reading.lines, 60)


def test_a_container_replaced_by_another_of_its_name_is_read_on_and_said(
    engine: DockerEngine, bench: DockerBench, tmp_path: Path
) -> None:
    reading = Reading(bench.feed())
    bench.write(numbered(0, 30))
    reading.until_lines(30)
    bench.container.close()
    bench.container = Container(engine, tmp_path, bench.container.name)
    bench.write(numbered(30, 40))
    reading.until_lines(40)
    reading.feed.close()
    check_whole(reading.lines, 40)
    assert "lines" in {note.what for note in reading.notes}


def test_more_lines_than_a_tail_holds_are_all_read(bench: DockerBench) -> None:
    reading = Reading(bench.feed())
    bench.write(numbered(0, 10))
    reading.until_lines(10)
    checkpoint = reading.feed.checkpoint()
    reading.feed.close()
    total = docker.TAIL_LINES + 500
    bench.write(numbered(10, total))
    again = Reading(bench.feed(checkpoint))
    again.until_lines(total - 10)
    again.feed.close()
    check_whole(reading.lines + again.lines, total)


@pytest.mark.parametrize(
    ("options", "end"),
    [
        pytest.param(["--log-driver", "local"], b"", id="local driver"),
        pytest.param(["--tty"], b"\r", id="terminal"),
    ],
)
def test_containers_of_every_kind_are_read(
    engine: DockerEngine, tmp_path: Path, options: list[str], end: bytes
) -> None:
    bench = DockerBench(tmp_path, engine, options)
    reading = Reading(bench.feed())
    bench.write(numbered(0, 20))
    reading.until_lines(20)
    checkpoint = reading.feed.checkpoint()
    reading.feed.close()
    bench.write(numbered(20, 40))
    again = Reading(bench.feed(checkpoint))
    again.until_lines(20)
    again.feed.close()
    bench.close()
    assert reading.texts + again.texts == [text + end for text in numbered(0, 40).splitlines()]


def test_a_log_that_the_engine_rotates_is_read_on_and_what_it_dropped_is_said(
    engine: DockerEngine, tmp_path: Path
) -> None:
    bench = DockerBench(tmp_path, engine, ["--log-opt", "max-size=20k", "--log-opt", "max-file=2"])
    reading = Reading(bench.feed())
    for start in range(0, 500, 50):  # several files long
        bench.write(numbered(start, start + 50))
        reading.until_lines(start + 50)
    checkpoint = reading.feed.checkpoint()
    reading.feed.close()
    bench.write(numbered(500, 1500))
    again = Reading(bench.feed(checkpoint))
    again.until(lambda: again.texts[-1:] == [b"line 001499"])
    again.feed.close()
    bench.close()
    check_whole(reading.lines, 500)
    assert again.texts == numbered(1500 - len(again.texts), 1500).splitlines()
    assert len(again.texts) < 1000
    assert {note.what for note in again.notes} == {"lines"}


def test_a_container_whose_log_is_kept_nowhere_is_told_with_a_remedy(
    engine: DockerEngine, tmp_path: Path
) -> None:
    bench = DockerBench(tmp_path, engine, ["--log-driver", "none"])
    reading = Reading(bench.feed())
    reading.until(lambda: reading.blind)
    reading.feed.close()
    bench.close()
    assert "does not support reading" in reading.blind[0].why
    assert reading.blind[0].fix.startswith("Use a logging driver that keeps logs")


def test_messages_have_remedies(engine: DockerEngine, bench: DockerBench) -> None:
    reading = Reading(bench.missing())
    reading.until(lambda: reading.blind)
    reading.feed.close()
    assert "No such container" in reading.blind[0].why
    assert reading.blind[0].fix == "Give the name or id that `docker ps` prints."


def test_an_engine_that_does_not_run_has_a_remedy() -> None:
    dialect = docker.DockerLogs("orders", CommandCheckpoint(position=0, number=0, since_ms=None))
    words = "Cannot connect to the Docker daemon at unix:///x.sock. Is the docker daemon running?"
    assert dialect.remedy(words) == "Start the engine, or point DOCKER_HOST at it."


# --- Events in a container's log, as the daemon takes them ------------------------------------------------


def read(tail: ContainerTail, store: Store, count: int) -> None:
    def there() -> bool:
        tail.read()
        return store.one("SELECT count(*) FROM agent_events") == count

    wait_for(there, what=f"{count} events")


def test_events_of_a_container_are_taken_once(engine: DockerEngine, tmp_path: Path) -> None:
    database.create(tmp_path / "store.db")
    container = Container(engine, tmp_path)
    with database.open_store(tmp_path / "store.db") as store:
        container.write(b'{"type": "a.done", "message": "n1"}\nplain words\n{"no": "event"}\n')
        tail = ContainerTail(container.name, store, engine.environ, SystemClock())
        read(tail, store, 1)
        tail.close()
        container.write(b'{"type": "b.failed", "message": "n2"}\n')
        tail = ContainerTail(container.name, store, engine.environ, SystemClock())
        read(tail, store, 2)
        tail.close()
        assert [row["message"] for row in store.rows("SELECT message FROM agent_events ORDER BY id")] == [
            "n1",
            "n2",
        ]
    container.close()


def test_a_container_that_is_not_there_is_told(engine: DockerEngine, tmp_path: Path) -> None:
    database.create(tmp_path / "store.db")
    with database.open_store(tmp_path / "store.db") as store:
        tail = ContainerTail("sg-nobody", store, engine.environ, SystemClock())
        found: list[SourceUnavailable] = []

        def told() -> bool:
            try:
                tail.read()
            except SourceUnavailable as error:
                found.append(error)
            return bool(found) and "No such container" in str(found[-1])

        wait_for(told, what="what docker says")
        tail.close()
