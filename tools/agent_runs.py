"""What a log line says of a run of an AI agent: its safety score, that its task timed out, that it ran out of retries."""

from __future__ import annotations

from typing import Literal, NamedTuple

from tools import linear

SAFETY_MIN = 0.85
"""A run that scores lower (of 1) is a danger (specification 2)."""
TIMEOUT_MIN_S = 300.0
"""A task that was given up after longer than this."""

Trouble = Literal["safety", "timeout", "retries"]

_ABOUT = linear.compile(
    r"(?i)\bagents?\b|agent[_ -]?(?:id|run|name|task)|\bllm\b|\bassistant\b|\bguard-?rails?\b|\bcompletion\b"
)
_SCORE = linear.compile(
    r"(?i)(?P<limit>(?:min(?:imum)?|threshold|required|limit|at least)[\w\s:=_-]{0,12})?safety[\"'{ .:_-]{0,6}score[\"' ]{0,2}"
    r"(?:is|was|of|dropped to|fell to|[:=])?[\"' ]{0,3}(0(?:\.\d+)?|\.\d+|1(?:\.0+)?)(?P<unit>\s?%|\d|\.\d)?"
)
_LIMIT_AFTER = linear.compile(r"(?i)^\s{0,2}(?:\)|is)?\s?(?:required|minimum|threshold)")
_OUT = (
    r"(?:timed[ -]?out|time-?out (?:was |is |has been )?(?:exceeded|reached|expired|hit|after)|time-?out(?:error|exception|expired)"
    r"|time-?out[:,;]? (?:elapsed|waited|given up)|exceeded (?:its |the )?time(?: limit|-?out))"
)
"""That the time was over, not that there is a limit to it."""
_TIMED_OUT = linear.compile(
    rf"(?i)\b(?:agent|task|run|job)\b[^\n]{{0,120}}\b{_OUT}\b|\b{_OUT}\b[^\n]{{0,80}}\b(?:agent|task|run)\b"
    r"|\"(?:error|reason|status|event|outcome|state|result|code)\"\s?:\s?\"[^\"]{0,40}timed?[ -]?out"
)
_AFTER = linear.compile(
    r"(?i)\b(?:after|elapsed|took|of|duration|timeout|waited)[\"'\s:=]{0,4}(\d+(?:\.\d+)?)\s?(ms|milliseconds?|s|secs?|seconds?|m|mins?|minutes?|h|hours?)\b"
)
_KEYED = linear.compile(
    r"(?i)\"(?:duration|elapsed|timeout|took)_?(ms|s|sec|seconds)?\"\s?:\s?(\d+(?:\.\d+)?)"
)
RETRIES_PATTERN = (
    r"\b(?:retry|retries|attempts?|iteration|step|turn)[ _-]?limit[ _-](?:was |has been )?(?:hit|reached|exceeded|exhausted)\b"
    r"|\b(?:max(?:imum)?)[ _-](?:number of )?(?:retries|attempts|iterations|steps|turns)[ _-](?:was |were )?(?:hit|reached|exceeded|exhausted)\b"
    r"|\b(?:reached|hit|exceeded)[ _-](?:its |the )?(?:max(?:imum)?[ _-](?:retries|attempts|iterations|steps|turns)|retry limit)\b"
    r"|\bretries exhausted\b|\bgave up after \d+ (?:retries|attempts)\b"
)
"""That a run was stopped for its number of steps (without case)."""
PATTERN = rf"safety|timed?[ -]?out|exceeded (?:its |the )?time|{RETRIES_PATTERN}"
"""What stands in every line that tells of a run's trouble (without case)."""
_RETRIES = linear.compile(f"(?i){RETRIES_PATTERN}")
_NOT_YET = linear.compile(r"(?i)\b(?:not|no|never|until|if|when|before|without|unless)\b[^,.;]{0,24}$")
_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0}
_CHARACTERS_MAX = 4000


class Told(NamedTuple):
    """One trouble, and its figure: the score, or seconds; None where there is none."""

    trouble: Trouble
    figure: float | None = None


def told(text: str) -> Told | None:
    """What a line says of an agent's run that is a finding; None where it says nothing of the kind."""
    text = text[:_CHARACTERS_MAX]
    if _ABOUT.search(text) is None:
        return None
    score = _score(text)
    if score is not None and score < SAFETY_MIN:
        return Told("safety", score)
    waited = _waited_s(text)
    if waited is not None and waited > TIMEOUT_MIN_S:
        return Told("timeout", waited)
    match = _RETRIES.search(text)
    if match is not None and not _NOT_YET.search(text[: match.start()]):
        return Told("retries")
    return None


def is_about(text: str) -> bool:
    """Whether a text names an agent, a model or its guard."""
    return _ABOUT.search(text) is not None


def measures(text: str) -> bool:
    """Whether lines like this one may differ in judgement by their figures alone."""
    text = text[:_CHARACTERS_MAX]
    return _ABOUT.search(text) is not None and (
        _score(text) is not None or _TIMED_OUT.search(text) is not None
    )


def _score(text: str) -> float | None:
    match = _SCORE.search(text)
    if match is None or match.group(1) or match.group(3) or _LIMIT_AFTER.match(text[match.end() :]):
        return None
    return float(match.group(2))


def _waited_s(text: str) -> float | None:
    if _TIMED_OUT.search(text) is None:
        return None
    match = _AFTER.search(text)
    if match is not None:
        unit = match.group(2).lower()
        return float(match.group(1)) * _unit_s(unit)
    keyed = _KEYED.search(text)
    return None if keyed is None else float(keyed.group(2)) * _unit_s((keyed.group(1) or "ms").lower())


def _unit_s(unit: str) -> float:
    return 0.001 if unit.startswith(("ms", "milli")) else _UNITS[unit[0]]
