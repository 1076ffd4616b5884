"""Writes a run of its own into a SQLite database, begins a big commit, says so once a part of it is in the file, and waits to be killed."""

from __future__ import annotations

import os
import sqlite3
import sys


def main(path: str, mode: str) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute(f"PRAGMA journal_mode = {mode}")
    connection.execute("PRAGMA cache_size = 2")  # pages: the others go to the file before the commit
    row = ("r", "RUNNING", "2025-06-15T15:06:40.000Z", os.getpid())
    connection.execute("INSERT INTO runs (run_id, status, created_at, pid) VALUES (?, ?, ?, ?)", row)
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("UPDATE runs SET status = 'COMPLETED'")
    for number in range(2000):
        connection.execute("INSERT INTO runs (run_id, status) VALUES (?, ?)", (f"half-{number}", "x" * 500))
    print("written", flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
