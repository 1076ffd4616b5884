"""One look at many streams: the light pass, then lag, consumers, pending entries and samples where they matter.

What has not moved since the last look, by the server's own answers, is not worked out a second time.
"""

from __future__ import annotations

import marshal
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from tools.clock import Clock
from tools.errors import SourceUnavailable
from tools.sources.records import GroupInfo, StreamState
from tools.sources.redis import lag as lags
from tools.sources.redis import replies
from tools.sources.redis.allowlist import Form, Question
from tools.sources.redis.details import DetailReader
from tools.sources.redis.lag_reader import LagReader
from tools.sources.redis.look import GROUP_BYTES, Book, Key, Seen, SeenGroup
from tools.sources.redis.look_limits import LookLimits
from tools.sources.redis.names import NameBook
from tools.sources.redis.pacing import Pacer
from tools.sources.redis.readonly import ReplyError
from tools.sources.redis.samples import Sampler

_UNSEEN_BYTES = 1_000
"""A guess of the two replies for a stream that was never seen."""

STREAMS_ALWAYS = 2_500
"""Up to so many streams, every one is asked for as a whole at every look."""

TURNS = 8
"""Of more, those whose groups tell that they stand still are asked for as a whole at one look of so many."""

_GROUPS = Form("XINFO", "GROUPS")
_BOTH, _BRIEF = Form("XINFO", "STREAM").beside(_GROUPS), Form("XLEN").beside(_GROUPS)


class StreamReader:
    """Looks at streams, and remembers per group what makes the next look cheaper or surer."""

    def __init__(self, pacer: Pacer, clock: Clock, names: NameBook, limits: LookLimits) -> None:
        self._pacer, self._clock, self._names, self._limits = pacer, clock, names, limits
        self._books: dict[Key, Book] = {}
        self._asks: dict[bytes, Question] = {}
        self._seen: dict[bytes, Seen] = {}
        self._turn = 0
        self._no_lengths = False
        self._lags = LagReader(pacer, clock, limits, self.light)
        self._details = DetailReader(pacer, clock, limits, self._excuse)
        self.sampler = Sampler(pacer, reads=limits.samples, name_of=names.text)
        self.refused: str | None = None
        """The server's words where the user may not see a stream."""

    def forget(self) -> None:
        """After a gap: nothing learned before counts."""
        self._books.clear()
        self._seen.clear()
        self._details.forget()
        self.sampler.forget()

    @property
    def due_ms(self) -> int | None:
        """When something that is only aged meanwhile passes a limit: a look is due then, though nothing was done."""
        return self._details.due_ms

    @property
    def passed_over(self) -> int:
        """As in `DeepPending`."""
        return self._details.passed_over

    def distrust(self) -> None:
        """Before a look: something may have moved groups, or the server's counters of them, alone."""
        lags.distrust(book.memory for book in self._books.values())
        _count_again(self._seen.values())

    def light(self, raws: Sequence[bytes]) -> list[Seen]:
        """XINFO STREAM and GROUPS of each stream; those that are gone are left out. Raises SourceUnavailable."""
        known = [self._seen.get(raw) for raw in raws]
        sizes = [_UNSEEN_BYTES if seen is None else seen.reply_bytes for seen in known]
        answers = self._pacer.each([self._asks.get(raw) or self._ask(raw) for raw in raws], sizes)
        found = []
        for raw, seen, stream, groups in zip(raws, known, answers, answers, strict=True):
            if seen is not None and seen.told == _as_told(groups) and seen.is_as(stream):
                seen.stood_still()
                seen.waited = 0
                found.append(seen)
            elif fresh := self._parse(raw, stream, groups):
                found.append(fresh)
        return found

    def _ask(self, raw: bytes) -> Question:
        made = self._asks[raw] = _BOTH(raw)
        return made

    def whole(
        self, raws: Sequence[bytes], is_told: Callable[[], bool], *, lengths: bool = True
    ) -> list[Seen]:
        """The light pass over all streams that there are. Raises SourceUnavailable.

        Of many, those that stood still, or were seen once, are asked for their groups alone, and for their length
        with `lengths`, where these show everything that is added. `is_told` is asked afterwards whether nothing was
        done since the last look that they do not show; whatever does not stand still is then asked for as a whole.
        """
        self._turn += 1
        briefly = len(raws) > STREAMS_ALWAYS and not (lengths and self._no_lengths)
        known = self._told_briefly(raws) if briefly else {}
        still = self._still(known, lengths=lengths) if known else {}
        if still and not is_told():
            still = {}
        for seen in still.values():
            seen.waited += 1
        if not still:
            return self.light(raws)
        fresh = {seen.raw: seen for seen in self.light([raw for raw in raws if raw not in still])}
        found = [still.get(raw) or fresh.get(raw) for raw in raws]
        return [seen for seen in found if seen is not None]

    def _still(self, known: Mapping[bytes, Seen], *, lengths: bool) -> dict[bytes, Seen]:
        """Those whose groups, and lengths where these are asked for, are as they were."""
        sizes = [GROUP_BYTES * len(seen.groups) for seen in known.values()]
        if not lengths:
            answers = self._pacer.each([_GROUPS(raw) for raw in known], sizes)
            pairs = zip(known.items(), answers, strict=True)
            return {raw: seen for (raw, seen), groups in pairs if seen.told == _as_told(groups)}
        still = {}
        answers = self._pacer.each([_BRIEF(raw) for raw in known], sizes)
        for (raw, seen), length, groups in zip(known.items(), answers, answers, strict=True):
            if length == seen.info.length and seen.told == _as_told(groups):
                still[raw] = seen
            elif isinstance(length, ReplyError) and length.forbidden:
                self._no_lengths = True  # a narrower user: each question would be an entry of its ACL LOG
        return still

    def _told_briefly(self, raws: Sequence[bytes]) -> dict[bytes, Seen]:
        """The streams that need not be asked for as a whole; each of them is, now and then."""
        return {
            raw: seen
            for number, raw in enumerate(raws)
            if (number + self._turn) % TURNS
            and (seen := self._seen.get(raw)) is not None
            and seen.told_briefly
            and seen.waited < TURNS - 1
        }

    def _parse(self, raw: bytes, stream: object, groups: object) -> Seen | None:
        known = self._seen.pop(raw, None)
        for reply in (stream, groups):
            if isinstance(reply, ReplyError):
                self._excuse(reply)
                return None
        info, first, last = replies.stream_info(stream)
        name = self._names.text(raw)
        made = [SeenGroup(self._book(raw, name, own, group), group) for own, group in replies.groups(groups)]
        seen = Seen(raw, name, info, first, last, made, _as_told(groups))
        seen.told_briefly = known is None and seen.tells
        self._seen[raw] = seen
        return seen

    def _book(self, raw: bytes, name: str, own: bytes, group: GroupInfo) -> Book:
        key = (raw, own)
        book = self._books.get(key)
        if book is None:
            book = self._books[key] = Book(
                key, self._limits.lag_limit(name, group.name), self._limits.idle_limit_ms(name, group.name)
            )
        return book

    def _excuse(self, error: ReplyError) -> None:
        """A stream may go between two commands, or not be ours to see; any other error hides all of them."""
        if error.forbidden:
            self.refused = error.text
        elif not error.gone:
            raise SourceUnavailable(
                f"streams on Redis at {self._pacer.client.address}",
                error.text,
                "The server must answer XINFO STREAM and XINFO GROUPS under these names.",
            )

    def states(
        self,
        seen: Sequence[Seen],
        *,
        honest: bool,
        whole: bool = True,
        touched: bool = True,
        waits_since_ms: int | None = None,
    ) -> tuple[StreamState, ...]:
        """The states of streams seen in the light pass, by name; `whole` and what follows as for `DetailReader.read`."""
        began_ms = self._clock.now_ms()
        if not whole:  # a second look counts again
            _count_again(seen)
        self._lags.read(seen, honest=honest)
        self._details.read(seen, whole=whole, touched=touched, waits_since_ms=waits_since_ms)
        if whole:
            self._keep(seen)
            self.sampler.read({item.raw: (item.info, item.first, item.last) for item in seen})
        made = [self._state(item, began_ms) for item in seen]
        return tuple(sorted(made, key=lambda state: state.name))

    def _keep(self, seen: Sequence[Seen]) -> None:
        """Forget what is gone."""
        groups = [group for item in seen for group in item.groups]
        if len(groups) < len(self._books):
            self._books = {group.book.key: group.book for group in groups}
        if len(seen) < len(self._asks):
            there = {item.raw for item in seen}
            for known in (self._asks, self._seen):
                for raw in known.keys() - there:
                    del known[raw]

    def _state(self, item: Seen, at_ms: int) -> StreamState:
        return StreamState(
            name=item.name,
            info=item.info,
            groups=tuple([group.state(at_ms) for group in item.groups]),
            sample=self.sampler.sample(item.raw),
            database=self._pacer.client.database,
        )


def _as_told(reply: Any) -> int | None:
    """A hash of a reply, None for an error: thousands of lists are not kept for a comparison.

    Python's own, of 64 bits and with a key that nobody knows who could choose the bytes.
    """
    return None if isinstance(reply, ReplyError) else hash(marshal.dumps(reply, 2))


def _count_again(seen: Iterable[Seen]) -> None:
    for item in seen:
        for group in item.groups:
            group.counted = False


def raw_names(names: NameBook, wanted: Iterable[str]) -> list[bytes]:
    """The raw names behind texts; unknown ones are left out."""
    found: Mapping[str, bytes | None] = {name: names.raw(name) for name in wanted}
    return [raw for raw in found.values() if raw is not None]
