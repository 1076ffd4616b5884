"""The head of a printed line: where its level stands, and where its message begins.

A level counts only in the head: after nothing but times, names in brackets, numbers and separators. A word further in
is prose. Known by shape: python logging, Flask, Celery, gunicorn, uvicorn, loguru, structlog, winston, log4js, pino-pretty,
log4j, logback, Spring Boot, Elasticsearch, java.util.logging, syslog (RFC 3164, RFC 5424), journald, nginx, Apache, zap,
zerolog, slog, logrus, hclog, Caddy, Traefik, Envoy, Serilog, NLog, .NET, tracing-subscriber, env_logger, Rails, Elixir,
RabbitMQ, PostgreSQL, MySQL, MariaDB, Redis, NATS, HAProxy, BIND, Unbound, CUPS, Fail2ban, Icinga, PgBouncer, Squid, Syncthing, NestJS, signale, Monolog, AWS Lambda, Windows' setup logs, Blue Gene.
"""

from __future__ import annotations

from functools import cache
from itertools import islice
from typing import NamedTuple

import re2

from tools import linear
from tools.sources.logs.levels import level_of, syslog_level

SEARCHED_CHARACTERS = 300
_CLOCK = r"\d{1,2}:\d\d(?::\d\d(?:[.,]\d{1,9})?)?(?: ?[AP]M\b)?"
_ZONE = r"(?: ?(?:Z|UTC|GMT|[+-]\d\d:?\d\d))?"
_TIME = (
    rf"(?:\d\d(?:\d\d)?[-/.]\d\d[-/.]\d\d[T ,]{{1,2}}{_CLOCK}{_ZONE}|\d\d?[/.]\d\d?[/.]\d{{4}},? {_CLOCK}"
    rf"|\d\d[- ][A-Z][a-z]{{2}}[- ]\d{{4}} {_CLOCK}{_ZONE}|[A-Z][a-z]{{2}} [A-Z][a-z]{{2}} [ \d]\d {_CLOCK} \d{{4}}"
    rf"|[A-Z][a-z]{{2}} [ \d]\d {_CLOCK}|\d{{6}} \d{{6}}|(?:\d{{6}}  ?)?{_CLOCK}|1\d{{9}}(?:\.\d+|\d{{3}})?\b|1\.\d{{6,}}e\+09)"
)
# What may stand between the time and the level: ids in brackets, a process id, a name with a dash or bar, `key=value`.
_BETWEEN = (
    rf"(?:{_TIME}|\[[^\[\]]{{0,80}}\]|\([^()]{{1,60}}\)|\d{{1,10}}\b|#\d{{1,10}}\]?|-{{1,3}}|\||[A-Z],"
    r"|[0-9a-f]{8}-[0-9a-f-]{8,27}|[A-Za-z_]\w{0,30}=[^\s=]{1,60}|[\w.$:@/-]{1,60} (?:-|\|)|[\w./-]{1,40} {0,30}\[\d{1,10}(?::\d{1,10})?\]:?|kid\d{1,3}\|)"
)
_UPPER = (
    *("FATAL", "CRITICAL", "CRIT", "PANIC", "EMERG", "SEVERE", "ERROR", "ERR", "WARNING", "WARN", "NOTICE"),
    *("INFORMATION", "INFO", "DEBUG", "TRACE", "VERBOSE", "SUCCESS", "FINEST", "FINER", "FINE"),
)
_SHORT = ("FTL", "FATA", "ERRO", "ERR", "WRN", "INF", "DBG", "DEBU", "VRB", "TRC", "TRAC")
_LOWER = (
    *("fatal", "critical", "panic", "dpanic", "crit", "error", "warning", "warn", "info", "debug", "trace"),
    *("silly", "verbose", "notice"),
)
_ELSE = ("emergency", "alert", "informational", "system", "trce", "dbug", "fail", "note")
"""Levels in brackets, in a channel's name, or of .NET alone."""
_WORDS = sorted(
    {word.lower() for word in (*_UPPER, *_SHORT, *_LOWER, *_ELSE)}, key=lambda word: (-len(word), word)
)
_WORD = linear.compile(rf"(?i)\b(?:{'|'.join(_WORDS)})[1-8]?\b")
_PROCESS = r"(?:\[[\w.@-]{1,40}\] )?"
"""Before the time: of nats-server its process, of others their name."""
_BRACKETS = r"(?:\[[^\[\]]{0,80}\]:?\s*)*"
_BEFORE = linear.compile(
    rf"\W{{0,2}}?(?:{_PROCESS}\[?{_TIME}\]?[:,]?[\s,|]*(?:{_BETWEEN}[\s,]*)*|{_BRACKETS}|[A-Z], (?:{_BETWEEN}[\s,]*)+)"
)
_BEFORE_SHORT = linear.compile(rf"{_PROCESS}\[?{_TIME}\]?[\s|]*(?:[+-]\d\d:\d\d )?{_BRACKETS}\[?")
_PROGRAM = linear.compile(r"[a-z][\w.-]{0,30}: ")
"""What nginx says on its console, without a time."""
_FACILITY = linear.compile(r"/[A-Za-z]\w{0,40}: ")
"""Of Icinga."""
_CATEGORY = linear.compile(rf"{_TIME} [a-z][a-z-]{{1,30}}: ")
"""Of BIND."""
_SPOKEN = linear.compile(r":(?:\s|$)|\t|\s\||\s[-–—]\s")
_DOTNET = linear.compile(r": [\w.`+]+\[\d+\]")
_CHANNEL = linear.compile(r"[\w-]{1,30}\.$")
_SECTION = linear.compile(r"[a-z_0-9]{1,30}:$")
_TRIES = 5
_HEAD_CHARACTERS = 160
_LOGRUS = linear.compile(r"^(PANI|FATA|ERRO|WARN|INFO|DEBU|TRAC)\[\d{4,9}\] ")
_SIGNALE = linear.compile(r"^[^\w\s\[({<]  (fatal|error|warning|info|note|debug|success) {2,8}")
_NEST = linear.compile(r"^\[Nest\] \d+\s+-\s.{10,40}?[AP]M\s+(LOG|ERROR|WARN|DEBUG|VERBOSE|FATAL)\s")
_POSTGRES = linear.compile(
    r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d{1,6})? \S{1,40} (?:\[[\d-]+\] )?(?:\S{1,130}@\S{1,130} )?(?:\[[^\]]{1,60}\] )?"
    r"(DEBUG[1-5]|LOG|INFO|NOTICE|WARNING|ERROR|FATAL|PANIC|DETAIL|HINT|STATEMENT|CONTEXT|QUERY|LOCATION|BACKTRACE):  "
)
_POSTGRES_CSV = linear.compile(
    r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} [A-Z0-9+-]{1,6}(?:,(?:\"(?:[^\"]|\"\")*\"|[^\",]*)){10}"
    r",(DEBUG[1-5]|LOG|INFO|NOTICE|WARNING|ERROR|FATAL|PANIC),[0-9A-Z]{5},\"((?:[^\"]|\"\")*)"
)
_PGBOUNCER = linear.compile(
    r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} [A-Z0-9+-]{1,6} \[\d{1,10}\] (NOISE|DEBUG|LOG|WARNING|ERROR|FATAL) "
)
_LETTERED = linear.compile(
    r"^(?:([XACEWNIDd]) \[\d\d/[A-Z][a-z]{2}/|\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6} ([CEWNIDT]) \| )"
)
"""CUPS, and etcd as it logged once."""
_LETTERS = {
    "X": "FATAL", "A": "FATAL", "C": "FATAL", "E": "ERROR", "W": "WARN", "N": "INFO", "I": "INFO",
    "D": "DEBUG", "d": "TRACE", "T": "TRACE",
}  # fmt: skip
_REDIS = linear.compile(r"^\d+:[XCSM] \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d\.\d{3} ([.*#-]) ")
_ROLES = frozenset("XCSM")
_REDIS_LEVELS = {".": "DEBUG", "-": "DEBUG", "*": "INFO", "#": "WARN"}
_SYSLOG_OLD = linear.compile(
    r"^(?:<(\d{1,3})>)?(?:[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d(?:\.\d{1,9})?|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?[+-]\d\d:?\d\d)"
    r" [\w.:-]{1,255} [\w./@()-]{1,80}(?:\[\d+\])?: "
)
_SYSLOG_NEW = linear.compile(
    r'^<(\d{1,3})>1 \S{1,40} \S{1,255} \S{1,48} \S{1,128} \S{1,32} (?:-|(?:\[(?:[^\]\\"]|\\.|"(?:[^"\\]|\\.)*")*\])+)(?: \x{feff}?|$)'
)
_WINDOWS = linear.compile(
    rf"^{_TIME},?\s+(Trace|Verbose|Debug|Info|Information|Warning|Warn|Error|Critical|Fatal)(?:\s\s+|\t)"
)
"""In a column of its own: a word like that inside a sentence has one blank behind it."""
_BLUE_GENE = linear.compile(
    r"^\S{1,40} 1\d{9} \d{4}\.\d\d\.\d\d \S{1,80} \d{4}-\d\d-\d\d-[\d.]{8,16} \S{1,80} [A-Z]+ [A-Z_]+ "
    r"(INFO|WARNING|ERROR|SEVERE|FATAL|FAILURE) "
)
_COUNTED = linear.compile(r"(?i)(?:^|[A-Za-z,;:\]]\s+)(?:0|no|zero|any)\s$")
_NOTHING = linear.compile(r"^\W*(?:0|null|none|false|nil|undefined|\[\]|\{\})\s*[,;.]?\s*$")
_NONE_OF_THEM = linear.compile(r"^[\s:|]{1,3}0\s*(?:[,;|]|$)")
_TIME_FIRST = linear.compile(rf"^(?:\W|\S{{1,80}}\s)?{_TIME}\W*")
_COMMON_LATER = linear.compile(
    rf"^(?:[\w.@/$<>#*:-]{{1,60}}\s+|(?:[\w.@/$<>#*:-]*[^a-zA-Z\s][\w.@/$<>#*:-]*\s+|[A-Z]+\s+){{2,4}})({'|'.join(_UPPER)})[\s:|\]]"
)

_CLEANERS = tuple(
    linear.compile(pattern)
    for pattern in (
        r"^\s+\d+ --- (?:\[[^\]]*\]\s*){1,3}\S+\s*: ",  # Spring Boot
        r"^ -- [^:]{0,60}: ",  # Ruby
        r"^ \([^()]{1,80}\): ",  # pino-pretty
        r"^ in [\w.]+: ",  # Flask
        r"^\]? \d+#\d+: (?:\*\d+ )?",  # nginx
        r"^(?: \[(?:pid|client|tid|remote) [^\]]*\])+ ",  # Apache
        r"^ \[MY-\d+\] \[\w+\] ",  # MySQL
        r"^\s+\(\d{1,10}\) : ",  # HAProxy
        r"^(?:\[[^\[\]]{1,100}\])+(?: \[[^\[\]]{1,100}\])? ",  # Elasticsearch, Envoy
        r"^ <\d+\.\d+\.\d+> ",  # RabbitMQ
        r"^\s*\|\s*[\w.<>$-]+:[\w.<>$-]+:\S+ - ",  # loguru
        r"^\s*\|\s*[\w.$:-]+\s*\|\s?",  # bars; NLog
        r"^:[\w.$-]+:",  # logging.BASIC_FORMAT
        r"^: [\w.`+]+\[\d+\]\s",  # .NET on one line
        r"^:?\s+(?:\[[^\[\]]{1,80}\] )?(?:[\w$]+\.)+[\w$]+ - ",  # log4j, logback
        r"^ [\w./-]+\.go:\S+ > ",  # zerolog with its caller
        r"^(?:[/ ]\s*[\w:.@-]*)?\]:?\s+",  # a bracket that holds time and level: Celery, env_logger, Serilog
        r"^: [\w.`+]+\[\d+\]$",
        r"^/[A-Za-z]\w{0,40}: ",  # Icinga
        r"^ \[[^\[\]]{1,80}\] (?:[\w$]+\.){2,}[\w$<>]+ ",  # Tomcat
    )
)
_TRACING = linear.compile(
    r'^ +(?:(?:[a-z_]\w*(?:\{(?:[^{}"]|"(?:[^"\\]|\\.)*")*\})?:)+ )?[a-z_]\w*(?:::[a-z_]\w*)*: '
)
_PYTHON_PLACE = linear.compile(r"^\s+[A-Za-z_][\w.$-]*:\d+ ")
_LOG4JS = linear.compile(r"^\[\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\] \[$")
_LOG4JS_NAME = linear.compile(r"^ [\w.$-]+ - ")
_KAFKA = linear.compile(r" \((?:[a-z]\w*\.)+[A-Z]\w*\)$")
_PLAIN = linear.compile(r"^(?:\s*[:|\]]\s*|\s+[-–—]\s+|\s+)")
_DETAIL = frozenset({"DETAIL", "HINT", "STATEMENT", "CONTEXT", "QUERY", "LOCATION", "BACKTRACE"})
_DELIMITERS = frozenset(["", *" \t:|],/)([>"])


class Head(NamedTuple):
    """A line's level and message (None where none was told apart), and whether a syslog head stood before them."""

    level: str | None = None
    message: str | None = None
    syslog: bool = False


NO_HEAD = Head()


def head_of(text: str, *, timed: bool) -> Head:
    """Level and message of a printed line; `timed`: a time was found in it. Never raises."""
    if text[0] == "<" or text[3:4] == " " or text[10:11] == "T":
        syslog = _syslog(text)
        if syslog is not None:
            return syslog
    match = _SIGNALE.match(text) if text[1:3] == "  " else None
    if match is not None:
        return Head(level_of(match.group(1)), text[match.end() :].strip() or None)
    if text[0].isdigit():
        server = _server(text)
        if server is not None:
            return server
    lettered = _LETTERED.match(text) if text[1:3] == " [" or text[28:31] == " | " else None
    if lettered is not None:
        rest = text[lettered.end() :] if lettered.group(2) else text.partition("] ")[2]
        return Head(_LETTERS[lettered.group(1) or lettered.group(2)], rest or None)
    return _printed(text, timed=timed)


def _syslog(text: str) -> Head | None:
    match = _SYSLOG_NEW.match(text) or _SYSLOG_OLD.match(text)
    if match is None:
        return None
    given = match.group(1)
    severity = None if given is None or int(given) > 191 else syslog_level(int(given) & 7)
    rest = text[match.end() :]
    own = _printed(rest, timed=False) if rest else NO_HEAD
    return Head(own.level or severity, own.message or rest or None, syslog=True)


def _server(text: str) -> Head | None:
    """PostgreSQL and Redis, whose levels no other program writes like that."""
    match = _POSTGRES.match(text) if ":  " in text else None
    if match is not None:
        word = match.group(1)
        # Details of the line before: its statement may hold any word.
        return Head("DEBUG") if word in _DETAIL else Head(level_of(word), text[match.end() :] or None)
    match = _POSTGRES_CSV.match(text) if text[23:24] == " " and ',"' in text else None
    if match is not None:
        return Head(level_of(match.group(1)), match.group(2).replace('""', '"') or None)
    match = _PGBOUNCER.match(text) if text[23:24] == " " else None
    if match is not None:
        word = match.group(1)
        return Head("TRACE" if word == "NOISE" else level_of(word), text[match.end() :] or None)
    colon = text.find(":")
    match = _REDIS.match(text) if text[colon + 1 : colon + 2] in _ROLES else None
    return None if match is None else Head(_REDIS_LEVELS[match.group(1)], text[match.end() :] or None)


def _printed(text: str, *, timed: bool) -> Head:
    head = text[:SEARCHED_CHARACTERS]
    match = _LOGRUS.match(head) if head[4:5] == "[" else None
    if match is not None:
        return Head(level_of(match.group(1)), text[match.end() :].strip() or None)
    match = _NEST.match(head) if head.startswith("[Nest]") else None
    if match is not None:
        message = text[match.end() :].lstrip()
        return Head(level_of(match.group(1)), _unbracketed(message) or None)
    column = _in_column(head, timed=timed)
    if column is not None:
        return Head(level_of(column.group(1)), text[column.end() :].strip() or None)
    for found in islice(_WORD.finditer(head[:_HEAD_CHARACTERS]), _TRIES):
        begin, end = found.span()
        if not _is_level(head, begin, end):
            continue
        word, rest = found.group(), text[end:]
        if _COUNTED.search(head[:begin]) or (
            head[begin - 1 : begin] != "["
            and (_NOTHING.match(rest.lstrip(": ")) or _NONE_OF_THEM.match(rest))
        ):
            return NO_HEAD
        return Head(level_of(word), _message(text[:begin], word, rest) or None)
    return _later(head) if timed else NO_HEAD


def _in_column(head: str, *, timed: bool) -> re2._Match[str] | None:
    """Windows' setup logs, and the event logs of Blue Gene: a level after fixed columns."""
    if timed and head[0].isdigit():
        return _WINDOWS.match(head)
    return _BLUE_GENE.match(head) if head.partition(" ")[2][:1] == "1" else None


def _is_level(head: str, begin: int, end: int) -> bool:
    """Whether the word is written as loggers write a level, after nothing but what stands before one."""
    word, before, after = head[begin:end], head[:begin], head[end : end + 1]
    if word in _SHORT and after in {"]", " ", "\t"} and _BEFORE_SHORT.fullmatch(before):
        return True
    if after in {"]", " "} and head[end:].lstrip(" ").startswith("]"):
        section = _SECTION.search(before) if before.endswith(":") else None
        opened = before[: section.start()] if section is not None else before
        if opened.endswith("["):
            return any(before_.fullmatch(opened[:-1]) for before_ in (_BEFORE, _PROGRAM))
    if word in _UPPER:
        if after in _DELIMITERS and _BEFORE.fullmatch(before):
            return True
    elif (
        word in _LOWER
        and _SPOKEN.match(head[end:])
        and any(known.fullmatch(before) for known in (_BEFORE, _CATEGORY))
    ):
        return True
    if before.endswith(".") and word.isupper() and after == ":":
        channel = _CHANNEL.search(before)
        return channel is not None and _BEFORE.fullmatch(before[: channel.start()]) is not None
    return (
        (after == ":" or (after == "/" and before != ""))
        and word.islower()
        and any(known.match(head[end:]) for known in (_DOTNET, _FACILITY))
        and _BEFORE.fullmatch(before) is not None
    )


def _later(head: str) -> Head:
    # A program's own names may stand before the level; what follows it is not told apart.
    time = _TIME_FIRST.match(head)
    match = None if time is None else _COMMON_LATER.match(head[time.end() :])
    if time is None or match is None or _COUNTED.search(match.group(0)[: match.start(1)]):
        return NO_HEAD
    if _NONE_OF_THEM.match(head[time.end() + match.end(1) :]):
        return NO_HEAD
    return Head(level_of(match.group(1)))


def _message(before: str, word: str, rest: str) -> str:
    if rest.startswith("\t"):
        return _of_columns(rest)
    padded = len(word) + len(rest) - len(rest.lstrip(" "))
    if padded == 9 and (match := _PYTHON_PLACE.match(rest)) is not None:
        return rest[match.end() :].strip()
    if before.endswith("[") and _LOG4JS.match(before) and (match := _LOG4JS_NAME.match(rest[1:])) is not None:
        return rest[1 + match.end() :].strip()
    if before.rstrip().endswith("Z") and before[10:11] == "T" and len(before.rstrip()) == 27:
        match = _TRACING.match(rest)
        if match is not None:
            return rest[match.end() :].strip()
    rest = _closed(before, rest)
    cleaner = _cleaner_of(rest)
    match = None if cleaner is None else cleaner.match(rest)
    if match is not None:
        return rest[match.end() :].strip() or rest.strip(" :")
    rest = rest[match.end() :] if (match := _PLAIN.match(rest)) is not None else rest
    return _KAFKA.sub("", rest).strip() if before.startswith("[") and rest.endswith(")") else rest.strip()


def _cleaner_of(rest: str) -> re2._Regexp[str] | None:
    """The first of all cleaners that begins a text: all are tried at once."""
    found = _cleaner_set().Match(rest.encode("utf-8", "replace"))
    return _CLEANERS[min(found)] if found else None


@cache
def _cleaner_set() -> re2.Set:
    cleaners = re2.Set.SearchSet()
    for cleaner in _CLEANERS:
        cleaners.Add(cleaner.pattern.encode())
    cleaners.Compile()
    return cleaners


def _closed(before: str, rest: str) -> str:
    """The rest without the bracket that closes the level's own."""
    bare = rest.lstrip(" ")
    return bare[1:] if before.endswith(("[", ":")) and bare.startswith("]") else rest


def _of_columns(rest: str) -> str:
    """The message of a line in columns (zap, Caddy, AWS Lambda): the last, but for an object of fields behind it."""
    columns = rest[1:].split("\t")
    if len(columns) > 1 and columns[-1].startswith("{"):
        return f"{columns[-2]} {columns[-1]}".strip()
    return columns[-1].strip()


def _unbracketed(message: str) -> str:
    end = message.find("] ") if message.startswith("[") else -1
    return message[end + 2 :] if 0 < end < 60 else message
