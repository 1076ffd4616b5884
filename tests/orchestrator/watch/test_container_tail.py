"""Events in a container's log, from a program that speaks as `docker logs` does; a real engine: tests/sources/logs."""

from __future__ import annotations

import os
from pathlib import Path

from orchestrator.store import database
from orchestrator.store.database import Store
from orchestrator.watch.container_tail import ContainerTail
from tests.fakes.waiting import wait_for
from tools.clock import SystemClock

DOCKER = """#!/bin/sh
case "$*" in
  *--follow*) exec tail -n +1 -f {log} ;;
  *) exit 0 ;;
esac
"""


def read(tail: ContainerTail, store: Store, count: int) -> None:
    def there() -> bool:
        tail.read()
        return store.one("SELECT count(*) FROM agent_events") == count

    wait_for(there, what=f"{count} events")


def test_events_are_taken_once_over_a_restart(tmp_path: Path) -> None:
    program, log = tmp_path / "bin" / "docker", tmp_path / "log"
    program.parent.mkdir()
    program.write_text(DOCKER.format(log=log), encoding="ascii")
    program.chmod(0o755)
    log.write_text(
        '2026-01-01T00:00:01.000000001Z {"type": "a.done", "message": "n1"}\n'
        "2026-01-01T00:00:01.000000002Z plain words\n"
        '2026-01-01T00:00:01.000000003Z {"no": "event"}\n',
        encoding="ascii",
    )
    environ = os.environ | {"PATH": f"{program.parent}:{os.environ['PATH']}"}
    database.create(tmp_path / "store.db")
    with database.open_store(tmp_path / "store.db") as store:
        tail = ContainerTail("web", store, environ, SystemClock())
        read(tail, store, 1)
        tail.close()
        with log.open("a", encoding="ascii") as file:
            file.write('2026-01-01T00:00:02.000000001Z {"type": "b.failed", "message": "n2"}\n')
        tail = ContainerTail("web", store, environ, SystemClock())
        read(tail, store, 2)
        tail.close()
        found = [row["message"] for row in store.rows("SELECT message FROM agent_events ORDER BY id")]
    assert found == ["n1", "n2"]
