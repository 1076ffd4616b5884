"""The chain of a run that is over: archive, verify, report, record, alert, each once, each tried again where it fails.

Every step forward is written before the next begins. A kill between an effect and its record repeats the effect, which
by then finds its work done.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

from msgspec import structs
from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_exponential
from tenacity.stop import stop_base

from orchestrator.alerts.episodes import Observed
from orchestrator.watch import archived, telling
from orchestrator.watch.ledger import Ledger, Link, LinkRow, LinkState, State, Watched
from orchestrator.watch.links import Done, Effects, Links
from tools.clock import Clock, StopSignal
from tools.errors import ArchiveRefused, ConfigError, DeliveryFailed, StreamgaugeError
from tools.masking import mask

TRIES, ROUNDS = 3, 6
"""A link is tried three times in a row, 1 s and 2 s apart; then it waits half a minute, doubled each round."""
CUT_OFF_MAX = 12
"""A link that takes the daemon down each time is given up, so that all other runs get their turn."""
_WAIT_FIRST_S, _ROUND_FIRST_MS, _ROUND_MAX_MS = 1.0, 30_000, 3_600_000
_STILL = "told to stand still"
"""Under this and a run's key the store holds which of its stalls was told."""
_MENDABLE = (StreamgaugeError, OSError, sqlite3.Error)
_DETAIL_CHARS = 500


class Chain:
    """Leads runs that are over through their links."""

    def __init__(self, ledger: Ledger, effects: Effects, clock: Clock, stop: StopSignal) -> None:
        self._ledger, self._effects, self._clock, self._stop = ledger, effects, clock, stop
        self._still_ms = 0
        """When it is tried again to tell that runs stand still."""

    def run(self) -> Iterator[str]:
        """Do what is due of every run; a line for each link that came to something. Raises UsageError."""
        yield from self._still()
        for run in self._ledger.in_state(State.ENDED):
            yield from self.lead(run)
            if self._stop.is_set():
                return

    def _still(self) -> Iterator[str]:
        """Tell of runs that stand still. Here, for a receiver or a lock that takes its time must not hold up the look.

        That it was told is remembered behind it: a kill in between tells an episode again that is known as told.
        """
        now_ms = self._clock.now_ms()
        if not self._effects.alerts or 0 < self._still_ms - now_ms <= _ROUND_FIRST_MS:
            return
        for run in self._ledger.in_state(State.WATCHING):
            mark = f"{run.generation} {run.stalled_ms}"
            if run.stalled_ms is None or self._ledger.said(f"{_STILL} {run.key}") == mark:
                continue
            try:
                yield from self._tell_still(run, now_ms)
            except (StreamgaugeError, OSError) as error:
                self._still_ms = self._clock.now_ms() + _ROUND_FIRST_MS
                yield f"{run.key}: nobody was told yet that it stands still: {error}"
                return
            self._ledger.say(f"{_STILL} {run.key}", mark)

    def _tell_still(self, run: Watched, now_ms: int) -> Iterator[str]:
        minutes = (now_ms - run.progressed_ms) // 60_000
        episode = telling.stalled(run, minutes, now_ms)
        yield from self._effects.desk().tell(lambda _: Observed((episode,), ()))

    def lead(self, run: Watched) -> Iterator[str]:
        """Do what is due of one run."""
        links = self._ledger.links(run)
        for link in Link:
            if links[link].is_settled:
                continue
            # Farther away than the longest wait it is only where the clock was set back.
            if 0 < links[link].next_ms - self._clock.now_ms() <= _ROUND_MAX_MS or self._stop.is_set():
                return
            row = self._skipped(links, link) or self._done(run, link, links)
            self._ledger.write_link(run, row)
            links[link] = row
            if not row.is_settled:
                yield f"{run.key}: {link} failed, tried again later: {row.detail}"
                return
            yield f"{run.key}: {link} {row.status}{f': {row.detail}' if row.detail else ''}"
        # Nothing is left that would need it; what is killed here closes the run the next time.
        archived.drop_export(run, self._effects.places)
        self._ledger.close(run, archived=links[Link.ARCHIVE].status is LinkState.DONE)

    def _skipped(self, links: Links, link: Link) -> LinkRow | None:
        if link is Link.VERIFY and links[Link.ARCHIVE].status is LinkState.FAILED:
            now_ms = self._clock.now_ms()
            return structs.replace(
                links[link], status=LinkState.SKIPPED, detail="there is no archive", updated_ms=now_ms
            )
        return None

    def _done(self, run: Watched, link: Link, links: Links) -> LinkRow:
        # That it was begun is written first: what kills us is counted too, and given up one day.
        if links[link].attempts >= CUT_OFF_MAX:
            detail = f"it was cut off or failed {links[link].attempts} times"
            return structs.replace(
                links[link], status=LinkState.FAILED, detail=detail, updated_ms=self._clock.now_ms()
            )
        begun = structs.replace(
            links[link], attempts=links[link].attempts + 1, updated_ms=self._clock.now_ms()
        )
        self._ledger.write_link(run, begun)
        try:
            done = self._tried(run, link, links)
        except Exception as error:  # noqa: BLE001 - a link that fails is kept and told; the daemon goes on
            return self._failed(begun, error)
        return structs.replace(
            begun,
            status=LinkState.DONE,
            next_ms=0,
            detail=_told(done.detail),
            result=done.result,
            updated_ms=self._clock.now_ms(),
        )

    def _tried(self, run: Watched, link: Link, links: Links) -> Done:
        retrying = Retrying(
            stop=_Stopped(self._stop) | stop_after_attempt(TRIES),
            wait=wait_exponential(multiplier=_WAIT_FIRST_S),
            retry=retry_if_exception(_is_worth_a_try),
            sleep=lambda seconds: self._clock.sleep_until(self._clock.monotonic() + seconds, self._stop),
            reraise=True,
        )
        return retrying(self._effects.of(link), run, links)

    def _failed(self, begun: LinkRow, error: Exception) -> LinkRow:
        now_ms = self._clock.now_ms()
        detail = _told(str(error) if isinstance(error, _MENDABLE) else f"{type(error).__name__}: {error}")
        if begun.attempts >= ROUNDS:
            return structs.replace(begun, status=LinkState.FAILED, detail=detail, updated_ms=now_ms)
        wait_ms = min(_ROUND_FIRST_MS << (begun.attempts - 1), _ROUND_MAX_MS)
        return structs.replace(begun, next_ms=now_ms + wait_ms, detail=detail, updated_ms=now_ms)


class _Stopped(stop_base):
    """No further try once the daemon is to end."""

    def __init__(self, stop: StopSignal) -> None:
        self._stop = stop

    def __call__(self, retry_state: object) -> bool:  # noqa: ARG002 - how often was tried says another
        return self._stop.is_set()


def _is_worth_a_try(error: BaseException) -> bool:
    """Whether the same a second later may go well.

    What is wrong with an archive or the configuration stays wrong, and a message was tried three times already.
    """
    return isinstance(error, _MENDABLE) and not isinstance(
        error, ArchiveRefused | ConfigError | DeliveryFailed
    )


def _told(text: str) -> str:
    return mask(text)[:_DETAIL_CHARS]
