"""What a line is: an error, fatal, a warning, a retry, a start-up step, or nothing that rules look at.

The level decides where there is one; words decide where there is none, and only in the sense of a failure:
"0 errors", `"errors":[]`, names, paths and URLs are not errors. Access lines are judged by their status alone.
"""

from __future__ import annotations

import re2

from tools import agent_runs, linear, memory_figures, outward_text, server_words
from tools.memory_figures import figure_of
from tools.outward_text import exposed
from tools.sources.logs import no_fault, parse
from tools.sources.logs.no_failure_words import NOT_A_FAILURE
from tools.sources.logs.trace_lines import ended_by
from tools.sources.records import LogLine

NOTHING, START, STOP, RETRY, WARN, EXPECTED, QUIET, TOLD, ERROR, FATAL = (
    "",
    "start",
    "stop",
    "retry",
    "warn",
    "expected",
    "quiet-error",
    "told",
    "error",
    "fatal",
)
"""EXPECTED is a failure that is no fault, logged as fatal; QUIET one that its logger calls INFO, though it carries an error;
TOLD is no failure by its level or words, but tells of an agent's run, of memory, or shows an answer with the service's inside."""

THROWN = "error|exception|fatal|unhandled|uncaught|panic|critical"
"""Words of failures that a stack trace may follow (patterns without case)."""
ENDING = (
    r"err!|sigterm|sigkill|heap|\boom|econn|etimedout|enotfound|segfault|segmentation fault|out of memory|core dumped|fail"
    r"|timed?[ -]?out|refused|traceback|caused by|crash(?:es|ed)|terminated by|cannot|can't|could not|couldn't|unable to|broken pipe|epipe"
    r"|sig(?:segv|abrt|bus|ill|fpe)|exited|exit code|killed|terminate called|smashing|double free|invalid pointer"
    r"|unexpectedly|already in use|no such host|no route to host|unreachable|no space left|enospc|too many open files|emfile"
    r"|is down|are down|no server|odown|archive command|exit signal|got signal"
    r"|bad file format|misconf|readonly|noauth|wrongpass|clusterdown|masterdown|nogroup|noperm|wrongtype|execabort|noreplicas"
)
"""Other words of what may be a failure."""
RETRYING = r"retr(?:y|ie)|reconnect|attempt|back(?:ing)?[ -]?off"
STARTING = r"listening|start(?:ed|ing|up)|boot(?:ing|ed)|ready|online|running|accepting connections|is up\b"
_CANDIDATE = linear.compile(
    rf"(?i){THROWN}|{ENDING}|{RETRYING}|{STARTING}|{server_words.STOPPING}"
    r"|warn|\" [5-9]\d\d| [5-9]\d\d(?: |$)"
    r"|\brss\b|resident|memory|working.?set|mem.?used|safety|limit|respon|body|repl(?:y|ied)|HTTP/"
)
_SAID = linear.compile(
    r"(?i)\b(\w*(?:errors?|exception)|fatal|failed)\s?[:=]\s?(0x[0-9a-f]|null (?:pointer|ref|byte|char|deref)|nil (?:pointer|deref|map|ref)"
    r"|undefined (?:is|was|symbol|ref|method|variable|function|behavio|index|offset|constant|property)|false positive|none of)"
)
"""Where the value only begins as one that says there is none."""
_STATEMENT = linear.compile(
    r"(?i)\b(?:select\b.*\bfrom\b|insert into\b|update \S{1,100} set\b|delete from\b)"
)
_NAMED_BY_IT = linear.compile(
    r"(?i)'[^']{0,200}'|\"[^\"]{0,200}\"|`[^`]{0,200}`|\b(?:from|into|update|join|table) [\w.]+"
)
"""Values, columns and tables of a statement: what they are called says nothing of how it went."""
_CONNECTION = r"econnrefused|econnreset|etimedout"
_UNHANDLED = r"unhandled[ _-]?(?:promise[ _-]?)?(?:rejection|exception|error|panic|fault)\w*"
"""A message or an event of which a service knows nothing is unhandled too, and no failure."""
_HARD = linear.compile(
    rf"(?i)\b(?:{_CONNECTION}|uncaught|{_UNHANDLED}|sigkill|oom[- _]?kill\w*|out of memory|outofmemoryerror"
    r"|heap (?:out of|space|exhaust\w*)|javascript heap|\boom\b|segmentation fault|segfault|core dumped|panicked at"
    r"|sig(?:segv|abrt|bus|ill|fpe)|stack smashing detected|double free or corruption|free\(\): invalid pointer"
    r"|terminate called (?:after throwing|without an active)|no space left on device|enospc|emfile|: too many open files)\b"
    r"|\bpanic: |\bfatal(?: error)?\b(?:[:!,.]|$| \w)"
)
_TYPED = linear.compile(
    r"\b(?:OS|IO|EOF|[A-Za-z_$][\w.$]*[a-z])(?:Exception|Error)\b(?::|$|\s*\(|\s+(?:at|in|while|from|thrown)\b)"
)
_WORDS = linear.compile(r"(?i)\b(?:error|errors|exception|exceptions|fatal)\b|\berr!")
_TERMINATED = linear.compile(
    r"(?i)\b(?:received|caught|got|by|with|on|signal|from)\W{0,3}(?:signal\W{0,3})?sigterm\b|\bsigterm\W{0,3}(?:received|caught|signal|,)"
)
_IN_ORDER = linear.compile(
    r"(?i)\b(?:drain\w*|shut(?:ting|s)?[ -]?down|shutdown|stopp?(?:ing|ed)|graceful\w*|clos(?:e|ing)|finish\w*|exiting|quit(?:ting)?|bye"
    r"|clean(?:ing|ly)?(?: up)?|wind\w* down|(?:no longer|stop\w*|not) accept\w*|wait\w* for|exit request)\b"
)
_HANDLED = linear.compile(
    r"(?i)\b(?:handled|handling|mapped|maps|mapping|translat\w+|convert\w*|ignor\w+|swallow\w*|suppress\w*|skipp\w+"
    r"|instead of)\b"
)
_SPOKEN_OF = linear.compile(
    r"(?i)\b(?:expect\w*|test\w*|retr\w+|regist\w+|configur\w+|throws?|raises?|on|for|of|class|type|if|when|will|may|can|to|as)\b[^.;]*$"
)
"""Words, before it, of a line that speaks of an exception without having one."""
_WORST = linear.compile(
    rf"(?i)\b(?:fatal|{_UNHANDLED}|uncaught|oom[- _]?kill\w*|oom|out of memory|outofmemoryerror|heap out of|java heap space"
    r"|javascript heap|heap exhaust\w*)\b"
)
_EXPECTED = linear.compile(
    r"(?i)\b(?:40[0134569]|422|429)\b.{0,40}\b(?:not found|unauthori[sz]ed|forbidden|bad request|conflict|validation|too many)"
    r"|\b(?:not found|unauthori[sz]ed|forbidden|bad request|validation)\b.{0,30}\b(?:40[0134569]|422|429)\b"
    r"|validation (?:failed|failure|error)|validationerror|failed validation|invalid (?:credentials|password|email|input|request|payload|token)"
    r"|cache miss|already exists|duplicate key|client (?:closed|aborted|disconnected)|token expired|rate limit"
    r"|\b(?:user|order|item|page|resource|record|entity|product|route) not found\b|\bhttp 404\b|\bstatus\W{0,3}404\b"
)
_RESOLVED = linear.compile(
    r"(?i)\b(?:recovered|reconnected|connections? (?:was |is |has been )?(?:re-?established|restored)|(?:connected|available) again|resolved|succeeded|ignored|ignoring|suppressed|handled gracefully|retry succeeded|expected)\b"
)
_RETRY = linear.compile(
    r"(?i)\bretr(?:y|ies|ying|ied)\b|\breconnect(?:ing)?\b|\battempt\s?#?(?:[2-9]|[1-9]\d{1,9})\b|\bback(?:ing)?[ -]?off\b"
)
_TRIED_AGAIN = linear.compile(
    r"(?i)\bretr(?:y|ies|ying|ied)\b|\breconnect(?:ing)?\b|\battempt\s?#?(?:[2-9]|[1-9]\d{1,9})\b|\bbacking[ -]?off\b"
)
"""At INFO: `backoff` is a setting of each job there."""
_SOFT = linear.compile(
    r"(?i)\b(?:failed|failure|failing|timed? ?out|timeout|refused|warning|warn|critical|broken pipe|epipe|enotfound)\b"
)
_START = linear.compile(
    r"(?i)\blistening (?:on|at|for)\b|\b(?:now )?(?:accepting connections|ready to accept connections)\b|\bapplication startup complete\b"
    r"|\bstarted (?:server )?process\b|\bstarted [\w.]+ in \d|\bbooting (?:up|worker|server|service|\w+)$|\bserver (?:is )?running (?:on|at)\b"
    r"|\b(?:service|server|worker|consumer|producer|app|application|gateway|daemon)\b[\w\s'\":-]{0,30}"
    r"\b(?:started|starting|starting up|is ready|booting|booted|is up)(?:$|[\s]*[.,!;:\"'(]|\s(?:on|at|in|with|up|successfully|listening|pid|port|version)\b)"
    r"|^\W{0,3}(?:starting|booting|started)(?: up)? (?:the )?[\w-]{0,30}\s?(?:service|server|worker|consumer|application|app|gateway)\b\W{0,4}$"
)
_NAMED_START = linear.compile(
    r"(?i)(?:^|[\s\]:])([\w.@/-]{2,60}) (?:service )?(?:is )?(?:starting|started|ready|booting|booted|online|up and running)"
    r"(?:\s*$|\s*[.,!;(]|\s(?:on|at|in|with|version|pid|port|v\d)|\s\w+=)"
)
_PART = linear.compile(
    r"(?i)\b(?:health|readiness|liveness|probes?|heartbeats?)\b|\\?\"(?:(?:job|task|partition|shard|order|request|batch)(?:_?id)?|message_?id)\\?\"\s?:"
    r"|\b(?:on|for|with|of) (?:job|task|partition|shard|batch|order|message)\b|\b(?:job|task|partition|shard)_?(?:id)?\s?[=#]"
)
_FAILED = linear.compile(r"(?i)\b(?:failed|failure|fails|cannot|can't|could not|couldn't|unable to|error)\b")
_KEYED_ERROR = linear.compile(r'\b(?:err|error|cause|reason)=(?:"(?:[^"\\]|\\.)*"|\S+)')
_NO_VALUES = frozenset({"", "null", "nil", "<nil>", "none", "false", "undefined", "0"})
_TELLING = linear.compile(r"(?:^|\D)(?:[01]|4\d\d)(?:\D|$)")
"""None of something, a first attempt, an HTTP status that is no fault."""
_JUDGED_CHARACTERS = 4000
FAILURES_IN_WORDS = f"{THROWN}|{ENDING}|{RETRYING}|{STARTING}|://"
"""What one word may say of a failure (patterns without case)."""
_TELLS_OF_FAILURE = re2.compile(f"(?i){FAILURES_IN_WORDS}".encode())


def tells_of_failure(word: bytes) -> bool:
    """Whether what a word says is part of a line's judgement, whatever digits it holds."""
    return _TELLS_OF_FAILURE.search(word) is not None


def is_candidate(line: LogLine) -> bool:
    """Whether rules may care about this line; quick, and never wrong when it says no."""
    return line.level in {"WARN", "ERROR", "FATAL"} or _CANDIDATE.search(line.text) is not None


def figures_matter(line: LogLine) -> bool:
    """Whether the line holds a number that its verdict may rest on: "0 errors" and "3 errors", a score of 0.9 and of 0.2."""
    text = line.text[:_JUDGED_CHARACTERS]
    if _TELLING.search(text) is not None or agent_runs.measures(text):
        return True
    return memory_figures.measures(text) or outward_text.shows_inside(line.text)


def classify(line: LogLine) -> str:
    """The verdict of a line: one of the constants above."""
    if line.format == "access":
        status = parse.status_of(line.text)
        return ERROR if status is not None and status >= 500 else NOTHING
    words = spoken(line)
    if line.level in {"ERROR", "FATAL"}:
        return (
            NOTHING if server_words.SAYS_NOTHING.search(line.text) is not None else _severe(line.level, words)
        )
    quiet = line.level in {"DEBUG", "TRACE"} or server_words.is_command(line.level, line.text)
    verdict = NOTHING if quiet else _by_words(line, words)
    return TOLD if verdict in {NOTHING, START, STOP} and _tells(line.text) else verdict


def _tells(text: str) -> bool:
    return agent_runs.told(text) is not None or exposed(text) is not None or figure_of(text) is not None


def _by_words(line: LogLine, words: str) -> str:
    if (line.format == "text" or line.message is not None) and _STATEMENT.search(words):
        words = _NAMED_BY_IT.sub(" ", words)
    rest = NOT_A_FAILURE.sub(" ", _SAID.sub(r"\1: it \2", words))
    failure = _failure(line.level, rest, words)
    if (
        failure
        and not _EXPECTED.search(words)
        and not (failure != FATAL and _RESOLVED.search(rest.replace("not expected", " ")))
    ):
        return failure
    if line.level == "INFO" and (_fails_quietly(line, words, rest) or _quotes_a_failure(words, rest)):
        return QUIET
    if (_START.search(words) or _names_its_start(line, words)) and not _starts_a_part(line):
        return START
    if (_TRIED_AGAIN if line.level == "INFO" else _RETRY).search(rest):
        return RETRY
    if line.level == "WARN" or (line.level is None and _SOFT.search(rest)):
        return WARN
    return STOP if server_words.STOPS.search(words) else NOTHING


def _starts_a_part(line: LogLine) -> bool:
    """Whether what started is a job or a reader inside of a process, or only answers that it is there."""
    return _PART.search(line.text[:_JUDGED_CHARACTERS]) is not None


def _fails_quietly(line: LogLine, words: str, rest: str) -> bool:
    """Whether a line at INFO says that something failed and carries the error itself."""
    if _FAILED.search(rest) is None or not _carries_error(line):
        return False
    return not (_EXPECTED.search(words) or _RESOLVED.search(rest) or _RETRY.search(rest))


def _quotes_a_failure(words: str, rest: str) -> bool:
    """Whether a line at INFO names an exception that nobody says to have handled."""
    typed = _TYPED.search(rest)
    if (
        typed is None
        or _HANDLED.search(words) is not None
        or _SPOKEN_OF.search(rest[: typed.start()]) is not None
    ):
        return False
    return not (_EXPECTED.search(words) or _RESOLVED.search(rest) or _RETRY.search(rest))


def _is_taken_care_of(words: str) -> bool:
    """Whether a line at INFO says what is done about the failure whose trace it shows."""
    return any(said.search(words) is not None for said in (_RETRY, _RESOLVED, _HANDLED))


def _carries_error(line: LogLine) -> bool:
    if line.format == "json":
        data = parse.decode(line.text)
        return data is not None and parse.error_text(data).strip() != ""
    if line.format not in {"logfmt", "klog"}:
        return False
    match = _KEYED_ERROR.search(line.text[:_JUDGED_CHARACTERS])
    return match is not None and match.group(0).partition("=")[2].strip('"').lower() not in _NO_VALUES


def spoken(line: LogLine) -> str:
    """The words of a line that say what happened: its message, and from WARN on the error it carries."""
    text = line.text[:_JUDGED_CHARACTERS] if line.message is None else line.message[:_JUDGED_CHARACTERS]
    quiet = line.level in {"INFO", "DEBUG", "TRACE"}
    if line.format == "json":
        data = None if quiet else parse.decode(line.text)
        if data is not None:
            return f"{text} {parse.error_text(data)}".strip()[:_JUDGED_CHARACTERS]
        return text if line.message is not None else ""
    if line.format in {"logfmt", "klog"}:
        if quiet:
            return _KEYED_ERROR.sub(" ", text)
        if line.format == "logfmt" and line.message is not None:
            found = parse.pairs(line.text)
            return " ".join([text, *(found[key] for key in ("err", "error") if key in found)])
    return text


def _names_its_start(line: LogLine, words: str) -> bool:
    match = _NAMED_START.search(words)
    return match is not None and match.group(1).lower() == line.service.lower()


def _severe(level: str, words: str) -> str:
    if server_words.OF_A_CLIENT.search(words):
        return NOTHING
    if level == "FATAL":
        if server_words.SESSION_STOPPED.search(words) or server_words.ADVICE.search(words):
            return WARN
        if server_words.SESSION_REFUSED.search(words):
            return ERROR
        return EXPECTED if _EXPECTED.search(words) and not _HARD.search(words.replace("fatal", "")) else FATAL
    return (
        FATAL if _WORST.search(NOT_A_FAILURE.sub(" ", words)) or server_words.CRASHED.search(words) else ERROR
    )


def _failure(level: str | None, rest: str, words: str) -> str:
    if _HARD.search(rest):
        return FATAL if _WORST.search(rest) else ERROR
    # At INFO the type of an exception is a quote: of what was handled, or of a failure at the wrong level (`_by_words`).
    if (_TYPED.search(rest) and level != "INFO") or server_words.SERVER_DIED.search(rest):
        return FATAL if server_words.CRASHED.search(rest) else ERROR
    # A service that logs its SIGTERM at INFO, or says how it ends, is being stopped in order: a deployment, no failure.
    if _TERMINATED.search(rest) and level != "INFO" and not _IN_ORDER.search(rest):
        return ERROR
    if level is None and (_WORDS.search(rest) or server_words.REFUSED.search(rest)):
        return ERROR
    if level is None and server_words.fails_without_level(words):
        return ERROR
    return ERROR if level == "WARN" and _EXCEPTION.search(rest) else NOTHING


_EXCEPTION = linear.compile(r"(?i)\b(?:an? |threw |caught |raised )?exception\b")


_IN_GROUP = "unhandled errors in a TaskGroup"
"""What Python calls a group of exceptions, also where somebody handles it."""
_CRASHED = linear.compile(
    r"(?i)^exception in thread\b|exception in thread [^\n\":]{1,200}:\s*\n|^panic: |^fatal error: |^Fatal Python error: |^thread '.{0,200}' (?:\(\d+\) )?panicked|\buncaught\b|\bunhandled\b|^Node\.js v\d|\nNode\.js v\d"
)


def classify_trace(head: LogLine, text: str, exception: str, *, bare: bool, above: str = "") -> str:
    """The verdict of a whole stack trace: TRACE, TRACE_FATAL where it ended the process or nobody caught it, or NOTHING.

    A warning with a stack, and an expected failure below ERROR, are nothing. `above` is what stands above it (`aside`): a
    record at DEBUG that tells of the failure has it for its own; with one that does not it is a QUIET_TRACE.
    """
    if (
        head.level in {"DEBUG", "TRACE"}
        or _WARNING.search(exception[:300])
        or _WARNING.search(head.text[:300])
    ):
        return NOTHING
    if _is_expected(head, text, exception):
        return NOTHING
    crashed = any(_CRASHED.search(said.replace(_IN_GROUP, "")) is not None for said in (text, exception))
    if above in {"failing", "silent"} and not crashed:
        return NOTHING if above == "failing" else QUIET_TRACE
    printed = bare and not above and ended_by(head.text, text.split("\n"))
    if no_fault.was_cancelled(exception) and not printed and head.level != "FATAL":
        return NOTHING
    return TRACE_FATAL if crashed or printed or head.level == "FATAL" else TRACE


def _is_expected(head: LogLine, text: str, exception: str) -> bool:
    """Whether the failure of a trace is one that services live with, or was taken care of."""
    said = spoken(head)[:1000]
    if head.level in {"INFO", "WARN"} and _EXPECTED.search(f"{said} {exception[:1000]}"):
        return True
    if head.level == "INFO" and _is_taken_care_of(said):
        return True
    return no_fault.was_stopped(exception) or no_fault.was_answered(head, text, exception)


TRACE, TRACE_FATAL, QUIET_TRACE = "trace", "trace-fatal", "quiet-trace"
_WARNING = linear.compile(r"^(?:\(node:\d+\) )?(?:\[\w+\] )?Warning: |\b\w+Warning: ")
