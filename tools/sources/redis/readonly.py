"""The read-only connection to the audited server: one list of commands, one place that sends.

redis-py opens the connection (TLS, unix sockets, AUTH); replies come raw over RESP2 and are never decoded here.
A failure closes the connection, and the next call opens a new one; only a connection that was dropped while it lay
idle is opened again at once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Any, Self

import hiredis
import redis
from msgspec import Struct
from redis._parsers.hiredis import NOT_ENOUGH_DATA
from redis.backoff import NoBackoff
from redis.connection import Connection, SSLConnection, parse_url
from redis.retry import Retry

from tools.errors import SourceUnavailable, UsageError
from tools.masking import mask
from tools.sources.redis import tls, touch
from tools.sources.redis.allowlist import Argument, Ask, Command, Question, check, question

Reply = object
"""What the server said: bytes, int, None, a list of these, or a ReplyError."""

_NAMES = attrgetter("names")

_OURS = ("protocol", "retry", "retry_on_timeout", "retry_on_error", "decode_responses", "driver_info",
         "client_name", "socket_timeout", "socket_connect_timeout", "connection_class", "health_check_interval",
         "max_connections", "timeout", "encoding", "encoding_errors", "legacy_responses")  # fmt: skip
"""Connection options that are not the URL's to set."""


class ReplyError(Struct, frozen=True):
    """An error reply, in place of the reply. `text` is the server's, masked."""

    text: str

    @property
    def code(self) -> str:
        """The first word: NOPERM, WRONGTYPE, NOGROUP, ERR."""
        return self.text.split(" ", 1)[0]

    @property
    def gone(self) -> bool:
        """Whether the key is not there, is no stream (any more), or has no such group."""
        return self.code in {"WRONGTYPE", "NOGROUP", "MOVED", "ASK"} or "no such key" in self.text.lower()

    @property
    def forbidden(self) -> bool:
        """Whether the user lacks the right."""
        return self.code == "NOPERM" or "no permissions" in self.text


class Flight:
    """Questions that were sent, and whose replies are read when they are wanted."""

    __slots__ = ("count", "questions", "replies", "reused", "sent_over")

    def __init__(self, questions: Sequence[Question], sent_over: int, *, reused: bool) -> None:
        self.questions = questions
        self.count = sum(len(asked.names) for asked in questions)
        self.sent_over = sent_over
        """The number of the connection that they went over; 0 where it was dropped."""
        self.reused = reused
        """Whether it was open before, so that it may have been dropped while it lay idle."""
        self.replies: list[Reply] | None = None


class ReadOnlyClient:
    """One connection that only reads. Opens at the first call; `connect` opens at once.

    In: `redis://`, `rediss://` or `unix://` URL; times in seconds. `sent` counts our commands by the name
    commandstats gives them, `round_trips` our waits. Raises UsageError where the URL is not one.
    """

    def __init__(
        self,
        url: str,
        *,
        connect_timeout_s: float = 2.0,
        command_timeout_s: float = 5.0,
        name: str = "streamgauge",
    ) -> None:
        self._timeouts = connect_timeout_s, command_timeout_s
        self._connection, self.address, self.database = _prepare(url, *self._timeouts)
        self._name = name
        self._open = False
        self._flight: Flight | None = None
        self.sent: Counter[str] = Counter()
        self.round_trips = 0
        self.opened = 0
        """How often a connection was opened: replies before and after may be those of two servers."""
        self.no_touch = False
        self.connection_id: int | None = None

    @classmethod
    def connect(
        cls,
        url: str,
        *,
        connect_timeout_s: float = 2.0,
        command_timeout_s: float = 5.0,
        name: str = "streamgauge",
    ) -> ReadOnlyClient:
        """An open client. Raises UsageError, SourceUnavailable."""
        client = cls(url, connect_timeout_s=connect_timeout_s, command_timeout_s=command_timeout_s, name=name)
        try:
            client.open()
        except SourceUnavailable:
            client.close()
            raise
        return client

    def open(self) -> None:
        """Open the connection if it is not. Raises SourceUnavailable."""
        if self._open:
            return
        try:
            self._connection.connect()
        except (redis.RedisError, OSError) as error:
            raise self._unavailable(error) from error
        self._open = True
        self.opened += 1
        # All are courtesies: an old server or a narrow user may refuse them.
        named = question(("CLIENT", "SETNAME", self._name), ("CLIENT", "ID"), ("INFO", "server"))
        _, number, info = self._send([named])
        safe = touch.may_ask(info)  # there are servers that it would end
        quietly = [question(("CLIENT", "NO-TOUCH", "ON"))] if safe else []
        *said, ping = self._send([*quietly, question(("PING",))])
        self.no_touch = safe and not isinstance(said[0], ReplyError)
        self.connection_id = number if isinstance(number, int) else None
        if isinstance(ping, ReplyError):
            self.close()
            raise self._refused(("PING",), ping)

    def point(self, url: str) -> None:
        """Another server from the next connection on. Raises UsageError where the URL is not one."""
        self.close()
        self._connection, self.address, self.database = _prepare(url, *self._timeouts)

    def call(self, *command: Argument) -> Reply:
        """One command's reply. Raises CommandRefused; SourceUnavailable also for an error reply."""
        reply = self.pipeline([command])[0]
        if isinstance(reply, ReplyError):
            raise self._refused(command, reply)
        return reply

    def pipeline(self, asks: Sequence[Ask]) -> list[Reply]:
        """Replies in order, in one round trip; a ReplyError stands where its reply would.

        Raises CommandRefused before anything is sent, SourceUnavailable where the server does not answer.
        """
        return self.land(self.begin(asks)) if asks else []

    def begin(self, asks: Sequence[Ask]) -> Flight:
        """Send, and go on meanwhile; `land` gives the replies. One flight at a time: another one lands the first.

        Raises CommandRefused before anything is sent, SourceUnavailable where the server does not answer.
        """
        questions = [ask if isinstance(ask, Question) else question(ask) for ask in asks]
        self._land_first()
        reused = self._open
        self.open()
        try:
            self._write(questions)
        except (redis.RedisError, OSError) as error:
            self.close()
            if not (reused and _is_drop(error)):
                raise self._unavailable(error) from error
        # Where the connection was dropped, `land` asks once more.
        self._flight = flight = Flight(questions, self.opened if self._open else 0, reused=reused)
        return flight

    def land(self, flight: Flight) -> list[Reply]:
        """The replies, in order; a ReplyError stands where its reply would. Raises SourceUnavailable."""
        if self._flight is flight:
            self._flight = None
        if flight.replies is not None:
            return flight.replies
        if self._open and flight.sent_over == self.opened:
            try:
                return self._replies(flight.count)
            except (redis.RedisError, OSError) as error:
                self.close()
                if not (flight.reused and _is_drop(error)):
                    raise self._unavailable(error) from error
        # A server or proxy may drop an idle connection; asking once more is safe, for we only read.
        self.open()
        return self._send(flight.questions)

    def close(self) -> None:
        """Close the connection; a later call opens it again."""
        self._open = False
        self._flight = None
        self._connection.disconnect()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    def _send(self, questions: Sequence[Question]) -> list[Reply]:
        try:
            return self._exchange(questions)
        except (redis.RedisError, OSError) as error:
            self.close()
            raise self._unavailable(error) from error

    def _exchange(self, questions: Sequence[Question]) -> list[Reply]:
        self._write(questions)
        return self._replies(sum(len(asked.names) for asked in questions))

    def _write(self, questions: Sequence[Question]) -> None:
        for names, times in Counter(map(_NAMES, questions)).items():
            for name in names:
                self.sent[name] += times
        self.round_trips += 1
        self._connection.send_packed_command(
            [b"".join([asked.data for asked in questions])], check_health=False
        )

    def _land_first(self) -> None:
        """What is in flight has its replies read before others are asked for."""
        flight = self._flight
        if flight is not None:
            flight.replies = self.land(flight)

    def _replies(self, count: int) -> list[Reply]:
        replies = self._read(count)
        for number, reply in enumerate(replies):
            if isinstance(reply, Exception):
                replies[number] = _as_reply(reply)
        return replies

    def _read(self, count: int) -> list[Reply]:
        """Replies as the parser makes them, errors among them as exceptions.

        redis-py's own `read_response` takes three times as long for each, which is felt at 60,000 replies a look;
        it stands in where a later version of the library keeps its reader elsewhere.
        """
        parser = getattr(self._connection, "_parser", None)
        reader = getattr(parser, "_reader", None)
        if parser is None or not isinstance(reader, hiredis.Reader):
            return [_caught(self._connection.read_response) for _ in range(count)]
        replies: list[Reply] = []
        gets = reader.gets
        while len(replies) < count:
            reply = gets(False)
            if reply is NOT_ENOUGH_DATA:
                parser.read_from_socket()
            else:
                replies.append(reply)
        return replies

    def _unavailable(self, error: Exception) -> SourceUnavailable:
        return SourceUnavailable(
            f"Redis at {self.address}", *_why(error, secure=isinstance(self._connection, SSLConnection))
        )

    def _refused(self, command: Command, error: ReplyError) -> SourceUnavailable:
        name = check(command).replace("|", " ").upper()
        fix = (
            f"Allow the user +{check(command)} (`streamgauge doctor` prints the whole ACL line)."
            if error.forbidden
            else "See the server's answer."
        )
        return SourceUnavailable(f"Redis at {self.address}: {name}", error.text, fix)


def _prepare(url: str, connect_timeout_s: float, command_timeout_s: float) -> tuple[Any, str, int]:
    try:
        options: dict[str, Any] = parse_url(url)  # type: ignore[no-untyped-call]  # redis-py has no types here
        kind = options.get("connection_class", Connection)
        wanted = {key: value for key, value in options.items() if key not in _OURS}
        connection = kind(
            **wanted,
            protocol=2,
            retry=Retry(NoBackoff(), 0),
            driver_info=None,
            socket_timeout=command_timeout_s,
            socket_connect_timeout=connect_timeout_s,
        )
    except (ValueError, TypeError, redis.RedisError) as error:
        # The library's text may repeat the URL and its password, so it is not passed on.
        raise UsageError(
            "The Redis URL cannot be used: write it like redis://user:password@host:6379/0, rediss://… or "
            "unix:///path/to/socket?db=0."
        ) from error
    place = wanted.get("path") or f"{wanted.get('host', 'localhost')}:{wanted.get('port', 6379)}"
    database = int(wanted.get("db") or 0)
    return connection, mask(f"{place}/{database}"), database


def _caught(read: Callable[..., Reply]) -> Reply:
    try:
        return read(disable_decoding=True)
    except redis.ResponseError as error:
        return error


def _as_reply(error: Exception) -> ReplyError:
    """An error reply as data. What says that the server as a whole does not answer is raised."""
    fatal = (redis.ReadOnlyError, redis.exceptions.MasterDownError)
    if isinstance(error, redis.ResponseError) and not isinstance(error, fatal):
        return ReplyError(_error_text(error))
    raise error


def _error_text(error: Exception) -> str:
    """redis-py cuts the code off the errors that it knows; it is put back."""
    text = str(error)
    codes = {
        redis.exceptions.NoPermissionError: "NOPERM",
        redis.exceptions.NoScriptError: "NOSCRIPT",
        redis.exceptions.MovedError: "MOVED",
        redis.exceptions.AskError: "ASK",
        redis.exceptions.TryAgainError: "TRYAGAIN",
        redis.exceptions.ClusterDownError: "CLUSTERDOWN",
        redis.exceptions.ExecAbortError: "EXECABORT",
        redis.exceptions.OutOfMemoryError: "OOM",
    }
    code = next((code for kind, code in codes.items() if isinstance(error, kind)), None)
    return mask(text if code is None or text.startswith(code) else f"{code} {text}")


def _is_drop(error: Exception) -> bool:
    """Whether the peer closed the connection, rather than refusing, loading or not answering in time."""
    refusals = (redis.AuthenticationError, redis.BusyLoadingError)
    return isinstance(error, redis.ConnectionError | ConnectionError) and not isinstance(error, refusals)


def _why(error: Exception, *, secure: bool) -> tuple[str, str]:
    """Why the server could not be asked, and what closes the gap."""
    text = mask(str(error))
    if (of_tls := tls.explain(text, secure=secure)) is not None:
        return of_tls
    if isinstance(error, redis.AuthenticationError | redis.exceptions.AuthorizationError):
        return f"the server refused the credentials ({text})", "Check user and password in redis.url."
    if isinstance(error, redis.BusyLoadingError):
        return "the server is loading its data", "Wait until it has loaded; the next look tries again."
    if isinstance(error, redis.TimeoutError | TimeoutError):
        return f"no answer in time ({text})", "Check the server's load and the network between."
    if isinstance(error, redis.ResponseError):
        no_database = "DB index" in text or "SELECT is not" in text
        fix = (
            "Correct redis.databases or redis.url."
            if no_database
            else "Check redis.url and the user's rights."
        )
        return f"the server refused the connection ({text})", fix
    return f"no connection ({text})", (
        "Check that the server runs and that redis.url names it (by rediss:// where it speaks TLS)."
    )
