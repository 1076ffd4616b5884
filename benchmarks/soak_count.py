"""What a soak left, counted from the files and from what the receiver of alerts was sent; nothing is taken on trust."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

from orchestrator.archive import chain
from orchestrator.archive.bag import Bag
from orchestrator.archive.shelf import Shelf
from orchestrator.store.database import open_store
from orchestrator.watch.ledger import Ledger, State
from tools.clock import from_iso


class Receiver:
    """Takes alerts on loopback; while it is `refusing` it answers 503."""

    def __init__(self) -> None:
        self.taken: list[tuple[str, str]] = []
        """Id and title of each message."""
        self.refused, self.refusing = 0, False
        peer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers.get("Content-Length", "0"))))
                if peer.refusing:
                    peer.refused += 1
                else:
                    peer.taken.append((self.headers["Idempotency-Key"], body["title"]))
                self.send_response(503 if peer.refusing else 200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


@dataclass
class Counted:
    """By effect, the runs that have it any number of times but once; `seen_s` is how long until a run was seen."""

    runs: int
    wrong: dict[str, dict[str, int]]
    statuses: dict[str, str] = field(default_factory=dict)
    kinds: dict[str, int] = field(default_factory=dict)
    seen_s: list[float] = field(default_factory=list)
    damaged: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    messages: int = 0
    refused: int = 0
    sent_again: int = 0

    @property
    def is_right(self) -> bool:
        """Whether each run has each effect once, as it ended, and nothing is damaged or given up."""
        return not (any(self.wrong.values()) or self.statuses or self.damaged or self.failures)


def closed(folder: Path, expected: Mapping[str, str]) -> bool:
    """Whether the daemon is through with every run."""
    with open_store(folder / ".state" / "orchestration.db") as store:
        done = {run.key for run in Ledger(store).in_state(State.CLOSED)}
    return done >= expected.keys()


def count(
    folder: Path, expected: Mapping[str, str], down: Sequence[tuple[int, int]], receiver: Receiver
) -> Counted:
    """Compare what is there with what was begun."""
    monitor, archival = (_events(folder / "logs" / name) for name in ("monitor.jsonl", "archival.jsonl"))
    shelf = Shelf(folder / ".archive")
    seen, damaged = shelf.seen()
    for path in shelf.paths():
        with Bag(path) as bag:
            damaged += bag.verify()
    damaged += list(chain.problems(chain.read(shelf.folder), seen))
    reports = [json.loads(path.read_bytes()) for path in sorted((folder / "reports").glob("*_summary.json"))]
    messages = dict(receiver.taken)
    found = {
        "RUN_CREATED": _of(monitor, "RUN_CREATED"),
        "RUN_COMPLETED": _of(monitor, "RUN_COMPLETED"),
        "RUN_ARCHIVED": _of(archival, "RUN_ARCHIVED"),
        "REPORT_GENERATED": _of(archival, "REPORT_GENERATED"),
        "archive": Counter(item.info.run for item in seen.values()),
        "report": Counter(item["key"] for item in reports),
        "message": Counter(_run_of(title) for title in messages.values()),
    }
    with open_store(folder / ".state" / "orchestration.db") as store:
        found["row"] = Counter(
            row[0] for row in store.rows("SELECT run_id FROM runs WHERE verdict IS NOT NULL")
        )
        failures = [f"{key}: {row.link}: {row.detail}" for key, row in Ledger(store).failures(50)]
    created = {item["key"]: from_iso(item["at"]) for item in monitor if item["event"] == "RUN_CREATED"}
    statuses = {item["key"]: item["status"] for item in reports}
    return Counted(
        runs=len(expected),
        wrong={
            name: {key: counts[key] for key in expected.keys() | counts.keys() if counts[key] != 1}
            | {key: counts[key] for key in counts.keys() - expected.keys()}
            for name, counts in found.items()
        },
        statuses={
            key: f"{statuses.get(key)}, not {wanted}"
            for key, wanted in expected.items()
            if statuses.get(key) != wanted
        },
        kinds=dict(Counter(expected.values())),
        seen_s=sorted(
            (created[key] - at) / 1000
            for key, at in _begun(folder).items()
            if key in created and not any(begin <= at <= end for begin, end in down)
        ),
        damaged=damaged,
        failures=failures,
        messages=len(messages),
        refused=receiver.refused,
        sent_again=len(receiver.taken) - len(messages),
    )


def _begun(folder: Path) -> dict[str, int]:
    """When each run of the other orchestrator was written, in ms since the epoch."""
    with closing(sqlite3.connect(folder / "other.db")) as database:
        return {row[0]: from_iso(row[1]) for row in database.execute("SELECT run_id, created_at FROM runs")}


def told(counted: Counted, sessions: int, restarts: int, code: int | None) -> str:
    """In lines."""
    kinds = ", ".join(f"{number} {kind}" for kind, number in sorted(counted.kinds.items()))
    lines = [
        f"runs       {counted.runs} ({sessions} of them sessions): {kinds}",
        f"daemon     killed {restarts} times, ended with {code}",
        f"messages   {counted.messages}, refused {counted.refused} times, sent twice under one id {counted.sent_again}",
    ]
    if counted.seen_s:
        median, most = counted.seen_s[len(counted.seen_s) // 2], counted.seen_s[-1]
        lines.append(
            f"seen       after {median:.1f} s (median), {most:.1f} s (most; runs that began while a daemon was up)"
        )
    for name, wrong in counted.wrong.items():
        lines.append(f"{name:<17} {'once for each run' if not wrong else f'WRONG {wrong}'}")
    lines += [f"WRONG status     {key}: {text}" for key, text in counted.statuses.items()]
    lines += [f"DAMAGED          {text}" for text in counted.damaged]
    lines += [f"GIVEN UP         {text}" for text in counted.failures]
    return "".join(f"{line}\n" for line in lines)


def _events(path: Path) -> list[dict[str, Any]]:
    try:
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    except FileNotFoundError:
        return []


def _of(events: list[dict[str, Any]], name: str) -> Counter[str]:
    return Counter(item["key"] for item in events if item["event"] == name)


def _run_of(title: str) -> str:
    """`run X finished …`, `session X finished …`."""
    return title.split()[1].rstrip(":")
