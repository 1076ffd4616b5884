"""What kind of failure a line or trace speaks of, and what helps against it."""

from __future__ import annotations

import re2

from tools.findings.model import LogCategory

_MEMORY = re2.compile(
    r"(?i)\bheap\b|\boom\b|oom[- _]?kill|out of memory|outofmemory|memoryerror|memory (?:limit|exhaust\w*)|allocation failed"
)
_EXHAUSTED = re2.compile(
    r"(?i)\boom\b|oom[- _]?kill|out of memory|outofmemory|memoryerror|heap (?:limit|out|exhaust\w*)|java heap space|javascript heap"
)
_TIMEOUT = re2.compile(
    r"(?i)etimedout|timed[- ]?out|\btime-?out\b|timeouterror|timeoutexception|deadline exceeded|context deadline"
)
_CRASH = re2.compile(
    r"(?i)\bsigkill\b|\bsigterm\b|\bfatal\b|unhandled|uncaught|\bpanic\b|panicked|segfault|segmentation fault|core dumped"
    r"|exited with (?:code [1-9]|signal)|crashed"
)
_UNCAUGHT_WORDS = (
    r"unhandled|uncaught|(?:^|\n)exception in thread\b|exception in thread [^\n\":]{1,200}:\s*\n"
    r"|\nNode\.js v\d|^panic: |\bpanicked at\b"
)
_UNCAUGHT = re2.compile(rf"(?i){_UNCAUGHT_WORDS}")
_WORST = re2.compile(rf"(?i)\bfatal\b|{_UNCAUGHT_WORDS}")

_IN_GROUP = "unhandled errors in a TaskGroup"
"""What Python calls a group of exceptions, also where somebody handles it."""
_ADVICE = {
    LogCategory.MEMORY_LEAK: "Compare the memory of {service} with its limit, take a heap snapshot, and look for what grows.",
    LogCategory.TIMEOUT: "Check that the peer that {service} waits for answers, and set its time-out above the peer's p99.",
    LogCategory.CRASH: "Find what ended {service} in the lines before this one, and handle it where it is thrown.",
    LogCategory.BUG: "Find where {service} logs this line and handle its cause; it is the evidence.",
}
_REFUSED = re2.compile(r"(?i)econnrefused|connection refused")
_RESET = re2.compile(r"(?i)econnreset|connection reset|broken pipe|epipe")


def category_of(text: str, *, fatal: bool) -> LogCategory:
    """BUG, TIMEOUT, CRASH or MEMORY_LEAK, by what is in the line; `fatal`: its level or words say that it is the end."""
    if _MEMORY.search(text):
        return LogCategory.MEMORY_LEAK
    if _TIMEOUT.search(text):
        return LogCategory.TIMEOUT
    return LogCategory.CRASH if fatal or _CRASH.search(text) else LogCategory.BUG


def is_exhausted(text: str) -> bool:
    """Whether memory has run out, not only run high."""
    return _EXHAUSTED.search(text) is not None


def is_uncaught(text: str) -> bool:
    """Whether nothing caught the failure: fatal, unhandled, uncaught, panic."""
    return _WORST.search(text.replace(_IN_GROUP, "")) is not None


def says_uncaught(text: str) -> bool:
    """Whether the runtime itself, or the line's words, tell that nothing caught it; a level alone does not."""
    return _UNCAUGHT.search(text.replace(_IN_GROUP, "")) is not None


def advice(category: LogCategory, service: str, text: str) -> str:
    """What to do about it."""
    if _REFUSED.search(text):
        return f"Start the peer that refuses the connection, or correct the address that {service} uses; retry with backoff."
    if _RESET.search(text):
        return f"Find out why the peer closes connections of {service} (restart, idle time-out, maxclients); reconnect with backoff."
    return _ADVICE[category].format(service=service)
