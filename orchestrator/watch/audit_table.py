"""A table of events behind PostgREST (Supabase): rows behind the last one, each once. It is only read.

The key comes from the environment and goes into headers alone; no message quotes it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from orchestrator.config.watch import AuditTable
from orchestrator.store.database import Store
from orchestrator.watch.event_tail import INSERT, Read, row_of
from tools.bounded_http import Deadline
from tools.clock import Clock
from tools.errors import SourceUnavailable

if TYPE_CHECKING:
    import httpx

PAGE_ROWS, PAGES_MAX = 500, 20
"""What is more waits for the next look."""
_TIMEOUT_S, _ALL_S = 10.0, 30.0
"""For the next byte, and for all pages of one look."""
_BYTES_MAX = 16 << 20


class TableTail:
    """Reads one table on."""

    def __init__(
        self,
        table: AuditTable,
        store: Store,
        environ: Mapping[str, str],
        clock: Clock,
        *,
        seconds: float = _ALL_S,
    ) -> None:
        """`seconds` are all that one look may take."""
        self._seconds = seconds
        self._table, self._store, self._environ, self._clock = table, store, environ, clock
        self.name = f"{table.url}/{table.table}"

    def read(self) -> Read:
        """Take what is new. Raises SourceUnavailable where the server does not give it, UsageError."""
        import httpx

        total = Read(0, 0)
        # Without redirects: the key is for this address alone.
        with Deadline(self._seconds) as deadline, httpx.Client(timeout=_TIMEOUT_S) as client:
            for _ in range(PAGES_MAX):
                page = self._page(client, deadline, self._last())
                if not page:
                    break
                found = self._take(page)
                total = Read(total.lines + found.lines, total.bad + found.bad)
                if len(page) < PAGE_ROWS:
                    break
        return total

    def _last(self) -> str | None:
        found = self._store.one("SELECT data FROM watch_state WHERE name = ?", (f"table {self.name}",))
        return None if found is None else str(found)

    def _page(self, client: httpx.Client, deadline: Deadline, after: str | None) -> list[dict[str, Any]]:
        import httpx

        key, column = self._environ.get(self._table.key_env, ""), self._table.column
        headers = {"apikey": key, "Authorization": f"Bearer {key}"} if key else {}
        query = {"select": "*", "order": f"{column}.asc", "limit": str(PAGE_ROWS)}
        if after is not None:
            query[column] = f"gt.{after}"
        try:
            answer, body = deadline.ask(client, "GET", self.name, _BYTES_MAX, params=query, headers=headers)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise self._unavailable(f"it does not answer ({type(error).__name__})") from error
        if answer.status_code != httpx.codes.OK:
            raise self._unavailable(f"it answers {answer.status_code}")
        try:
            return msgspec.json.decode(body, type=list[dict[str, Any]])
        except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
            raise self._unavailable("its answer is no list of rows") from error

    def _take(self, page: list[dict[str, Any]]) -> Read:
        last = page[-1].get(self._table.column)
        if not isinstance(last, str | int) or isinstance(last, bool):
            raise self._unavailable(f"its rows have no {self._table.column}")
        if str(last) == self._last():
            raise self._unavailable(f"it does not follow {self._table.column} (the same row came again)")
        rows = [row for row in (row_of(event, self._clock) for event in page) if row is not None]
        with self._store.writing() as database:
            database.executemany(INSERT, rows)
            database.execute(
                "INSERT OR REPLACE INTO watch_state (name, data) VALUES (?, ?)",
                (f"table {self.name}", str(last)),
            )
        return Read(len(rows), len(page) - len(rows))

    def _unavailable(self, why: str) -> SourceUnavailable:
        fix = f"Check watch.audit_tables and the variable {self._table.key_env}."
        return SourceUnavailable(f"the table {self.name}", why, fix)
