"""The same error, warning or retry line again and again within seconds.

Either a loop without backoff, which burns the service's time and hits the peer that is down already, or one
failure for each of many messages. Only a line that speaks of retries, or comes again for the same message or
request, is called a retry. Access lines never count, in whatever format: a busy service fails often and retries nothing.
"""

from __future__ import annotations

from collections.abc import Iterator

import re2

from tools.detectors.contract import LogView, TemplateStats
from tools.detectors.logs.frequency import headline, said, seconds, shortened, template_symptom
from tools.findings.model import AgentId, LogCategory, Severity
from tools.findings.rule import Rule, Symptom
from tools.sources.records import LogLine

RULE = Rule(
    id="log.retry-storm",
    agent=AgentId.LOG_WATCHER,
    category=LogCategory.RETRY_STORM,
    severity=Severity.HIGH,
    condition=(
        "The same error, warning or retry line (numbers, ids and times masked) `storm_count` times within `storm_window`; access"
        " lines, records of requests and warnings without a word do not count."
    ),
)
RULES: tuple[Rule, ...] = (RULE,)
_WORD = re2.compile(r"[A-Za-z]{2}")
_VERDICTS = frozenset({"error", "fatal", "warn", "retry", "trace", "trace-fatal"})
_NO_RETRY = re2.compile(
    r"(?i)\b(?:no|not|never|without|cannot|\w+n't)(?: (?:be|any|a|further|more|to))* (?:retr\w+|reconnect\w*|try again|again)"
    r"|\bretry (?:queue|stream|topic|polic|config|setting|limit|budget|strateg|count|rate|logic|handler)\w*"
)
_RETRY = re2.compile(
    r"(?i)(?:^|[^\w:/.-])(?:re-?tr(?:y|ies|ying|ied)|re-?connect(?:s|ed|ing)?|again|re-?attempt\w*|attempting to connect"
    r"|(?:another|next|second|third|last|final) (?:attempt|try))(?:[:.]+(?:$|\s)|$|[^\w:/.-])"
)
_COUNTER = re2.compile(
    r"(?i)(?:\battempts?(?:_?(?:no|number|count|made))?\"?\s?[:=#]?\s?#?\"?|\btr(?:y|ies)\"?\s?[:=#]\s?)(?:[2-9]|[1-9]\d+)\b"
    r"|\bretr(?:y|ies)(?:_?(?:no|number|count|attempt))?\"?\s?[:=#]\s?#?\"?[1-9]\d*\b"
)
_METHOD = re2.compile(
    r"(?i)(?:\"(?:req(?:uest)?[._]?)?(?:http[._])?(?:request[._])?(?:request)?method\"\s?:\s?\"|\bmethod=\"?)(?:GET|POST|PUT|PATCH|DELETE|HEAD|OPTIONS)\b"
    r"|\"(?:GET|POST|PUT|PATCH|DELETE|HEAD|OPTIONS) /[^\"]{0,400} HTTP/[\d.]{1,3}\""
)
_OUTCOME = re2.compile(
    r"(?i)(?:\"|\b)(?:http[._]?)?(?:res(?:ponse)?[._]?)?(?:status(?:[._]?code)?|code|response[._]?time(?:[._]?ms)?|duration(?:[._]?ms)?|latency(?:[._]?ms)?|elapsed(?:[._]?ms)?)\"?\s?[:=]\s?\"?\d"
)
_MESSAGE_ID = re2.compile(r"(?:^|[^\w-])(\d{13}-\d{1,19})(?:$|[^\w-])")
_READ_CHARACTERS = 4000
_IDS_KEPT = 20
"""Message ids that a view keeps of one template."""


def detect(view: LogView) -> Iterator[Symptom]:
    """One symptom for each template whose newest lines came in a burst."""
    limits = view.judgement.limits
    for stats in view.unexpected:
        if stats.verdict not in _VERDICTS or stats.example.format == "access":
            continue
        if stats.verdict == "warn" and _WORD.search(stats.template) is None:
            continue  # a dump of memory, as a crashing Redis writes it
        most = _most_within(stats, limits.storm_window * 1000)
        if most < limits.storm_count:
            continue
        retries = _retries(stats)
        if not retries and _is_request(stats.example):
            continue
        yield template_symptom(
            RULE,
            stats,
            title=f"{stats.service} {'retries' if retries else 'repeats'}: {shortened(headline(stats))}",
            evidence=(stats.first.quote(), stats.example.quote())
            if stats.first != stats.example
            else (stats.example.quote(),),
            recommendation=_recommendation(stats.service, retries=retries),
            hypothesis=_hypothesis(stats.service, most, seconds(limits.storm_window), retries=retries),
        )


def _hypothesis(service: str, count: int, window: str, *, retries: bool) -> str:
    if retries:
        return f"{service} tries again without enough backoff while the cause lasts: {count} times within {window}."
    return (
        f"The same line {count} times within {window}: one failure per message, or a retry without backoff."
    )


def _recommendation(service: str, *, retries: bool) -> str:
    if retries:
        return (
            f"Retry with exponential backoff, jitter and a limit in {service}, and move what still fails to a"
            " dead-letter stream."
        )
    return (
        f"See whether the lines of {service} are about one message or many. Many: remove their common cause, and log one"
        " summary in place of a line for each. One: retry with exponential backoff, jitter and a limit."
    )


def _retries(stats: TemplateStats) -> bool:
    return _is_one_matter(stats) or any(_speaks_of_retry(line) for line in (stats.example, stats.first))


def _is_one_matter(stats: TemplateStats) -> bool:
    """Whether lines came again for one message or request."""
    first, newest = stats.first, stats.example
    ids = set(_MESSAGE_ID.findall(newest.text[:_READ_CHARACTERS]))
    # All lines of a template have the same shape: each of them names a message if the newest does.
    if ids and 0 < len(stats.streams_ids) < min(stats.new, _IDS_KEPT):
        return True
    if first == newest:
        return False
    if first.correlation_id is not None and first.correlation_id == newest.correlation_id:
        return True
    return not ids.isdisjoint(_MESSAGE_ID.findall(first.text[:_READ_CHARACTERS]))


def _speaks_of_retry(line: LogLine) -> bool:
    words = _NO_RETRY.sub(" ", said(line)[:_READ_CHARACTERS])
    return _RETRY.search(words) is not None or _COUNTER.search(line.text[:_READ_CHARACTERS]) is not None


def _is_request(line: LogLine) -> bool:
    """Whether a record is an access line in another format: an HTTP method with a status or how long it took."""
    text = line.text[:_READ_CHARACTERS]
    return _METHOD.search(text) is not None and _OUTCOME.search(text) is not None


def _most_within(stats: TemplateStats, window_ms: float) -> int:
    """The most lines within one window that a new line belongs to: an old burst was told already."""
    times = sorted(stats.times_ms)
    most = start = 0
    for at, time_ms in enumerate(times):
        while time_ms - times[start] > window_ms:
            start += 1
        if at >= len(times) - stats.new:
            most = max(most, at - start + 1)
    return most
