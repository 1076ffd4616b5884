"""What the text of a failure says went wrong: what refused it, at which address, for want of which field."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from tools import linear
from tools.findings.model import Finding, LogCategory, LogFinding
from tools.synthesis.causal_rules.kinds import as_log
from tools.synthesis.causal_rules.sign import Sign
from tools.synthesis.entities import EVIDENCE_CHARS_MAX

TRACE = "log.stack-trace"
FAILURES = (LogCategory.BUG, LogCategory.CRASH, LogCategory.TIMEOUT, LogCategory.RETRY_STORM)
"""Categories of log findings that tell of something that did not work."""

_REFUSED = Sign(
    r"(?i)\b(?:ECONNREFUSED|ECONNRESET|EHOSTUNREACH|ENOTFOUND|EAI_AGAIN|connection (?:was )?(?:refused|reset)|"
    r"connect: connection refused|name or service not known|no such host|no route to host)",
    "refused|reset|ehostunreach|enotfound|eai_again|not known|no such host|no route",
)
_PORT_TAKEN = Sign(
    r"(?i)EADDRINUSE|address already in use|only one usage of each socket address",
    "eaddrinuse|already in use|only one usage",
)
_ADDRESS = Sign(r"([A-Za-z0-9][A-Za-z0-9_.\-]*|::1|::|\])?:(\d{2,5})\b", ":")
_HOST = linear.compile(r"^(?:[A-Za-z][A-Za-z0-9_.\-]*|\d{1,3}(?:\.\d{1,3}){3}|::1)$")
"""A date before an hour looks like a host with a port."""
_KEYED_HOST = Sign(r"host=['\"]([^'\"]+)['\"], port=(\d{2,5})", ", port=")
_PORT = linear.compile(r"\d{3,5}")
_UNREADABLE = Sign(
    r"\b(?:(NOAUTH|WRONGPASS|NOPERM|CLUSTERDOWN|MASTERDOWN)(?:[ :'\"\]]|$)|(READONLY) You can|(LOADING) \w+ is loading|"
    r"(MISCONF) \w+ is configured)",
    "noauth|wrongpass|noperm|clusterdown|masterdown|readonly|loading|misconf",
)
_NO_MEMORY = Sign(r"\bOOM command not allowed", "oom command")
_MEMORY_GONE = Sign(
    r"(?i)oom[- _]?kill|out of memory|outofmemory|memoryerror|heap (?:limit|exhaust\w*)|java heap space|\bexit(?:ed)?(?: with)?(?: code| status)? 137\b",
    "oom|out of memory|outofmemory|memoryerror|heap |137",
)
_UNKNOWN_COMMAND = Sign(r"(?i)unknown (?:redis )?command[ ,:]*['\"\x60]?([A-Za-z.]*)", "unknown ")
_OLD_RUNTIME = Sign(
    r"(?i)EBADENGINE|unsupported engine|the engine \S{1,20} is incompatible|requires (?:a different )?python|"
    r"requires go >=?|unsupported python version",
    "ebadengine|unsupported |the engine |requires ",
)
_EXCEPTION = Sign(r"\b[A-Za-z_.]*[a-z](?:Error|Exception)\b", "error|exception")
_FIELD = "field|property|key|attribute|column"
_QUOTE = "\\\\?['\"\x60]"
_FAILED_FIELD = tuple(
    Sign(pattern, words)
    for pattern, words in (
        (rf"KeyError:? ?\(?{_QUOTE}([A-Za-z_]\w*)", "keyerror"),
        (rf"\(reading {_QUOTE}([A-Za-z_]\w*){_QUOTE}\)", "(reading "),
        (rf"has no attribute {_QUOTE}([A-Za-z_]\w*)", "has no attribute "),
        (
            rf"(?i)\b(?:missing|required|unknown|unexpected|invalid|no)(?: required)? (?:field|property|key|attribute|column)s?:? {_QUOTE}?([A-Za-z_]\w*)",
            _FIELD,
        ),
        (
            rf"(?i){_QUOTE}([A-Za-z_]\w*){_QUOTE} (?:is|was|must|has|does|should|cannot)\b",
            " is| was| must| has| does| should| cannot",
        ),
        (
            rf"(?i)\b(?:field|property|key|attribute|column) {_QUOTE}?([A-Za-z_]\w*){_QUOTE}? (?:is|was) (?:missing|required|undefined|unknown|not set)\b",
            _FIELD,
        ),
        (
            r"(?m)^([A-Za-z_]\w*)\n  +(?:Field required|Input should|Value error)",
            "field required|input should|value error",
        ),
        (
            r"cannot unmarshal \w+ into Go (?:struct )?(?:field|value) [\w.]*?([A-Za-z_]\w*) of type",
            "cannot unmarshal ",
        ),
    )
)

_ANY = linear.compile(
    "|".join(
        f"(?:{sign.pattern})"
        for sign in (
            _REFUSED,
            _PORT_TAKEN,
            _UNREADABLE,
            _NO_MEMORY,
            _UNKNOWN_COMMAND,
            _OLD_RUNTIME,
            *_FAILED_FIELD,
        )
    )
)


def failure_of(finding: Finding) -> tuple[LogFinding, str] | None:
    """A log finding about a failure, with the text that says it; None for all others, and for texts without a sign."""
    failed = as_log(finding, *FAILURES)
    if failed is None or not _has_sign(failed.evidence):
        return None
    return failed, failed.evidence[:EVIDENCE_CHARS_MAX]


@lru_cache(maxsize=4)
def _has_sign(evidence: str) -> bool:
    """Whether any of the patterns here may match; every rule asks this of the same finding in turn."""
    return _ANY.search(evidence[:EVIDENCE_CHARS_MAX]) is not None


def says_what_failed(error: LogFinding) -> bool:
    """Whether an error tells more than that something could not be done: a trace, an exception, a field."""
    text = error.evidence[:EVIDENCE_CHARS_MAX]
    return error.rule_id == TRACE or _EXCEPTION.is_in(text) or bool(failed_fields(text))


def is_refused(text: str) -> bool:
    """Whether nobody took a connection."""
    return _REFUSED.is_in(text)


def addresses(text: str) -> Iterator[tuple[str, str]]:
    """Host (may be empty) and port of each address in a text, without repeats."""
    found = [*_KEYED_HOST.all(text), *_ADDRESS.all(text)]
    yield from dict.fromkeys((pair[0], pair[1]) for pair in found if not pair[0].isdecimal())


def hosts(text: str) -> dict[str, None]:
    """The hosts of the addresses in a text, without repeats."""
    return {host: None for host, _ in addresses(text) if _HOST.search(host)}


def taken_ports(text: str) -> Iterator[str]:
    """The ports of which a text says that another program holds them."""
    for line in text.splitlines() if _PORT_TAKEN.is_in(text) else ():
        if _PORT_TAKEN.is_in(line):
            yield from dict.fromkeys(_PORT.findall(line))


def refused_reads(text: str) -> str | None:
    """The error with which a server refuses every read of a group (`NOAUTH`); None where it says none."""
    return _UNREADABLE.first(text)


def is_out_of_memory(text: str) -> bool:
    """Whether a server refused a write because its memory is used up."""
    return _NO_MEMORY.is_in(text)


def is_memory_exhausted(text: str) -> bool:
    """Whether a process ran out of memory, or was killed for its memory."""
    return _MEMORY_GONE.is_in(text[:EVIDENCE_CHARS_MAX])


def unknown_command(text: str) -> str | None:
    """The command, in capitals, that a server did not know; "" where it does not say which, None for other texts."""
    command = _UNKNOWN_COMMAND.first(text)
    return None if command is None else command.upper()


def is_old_runtime(text: str) -> bool:
    """Whether a program refuses the version of its runtime."""
    return _OLD_RUNTIME.is_in(text)


@lru_cache(maxsize=4)
def failed_fields(text: str) -> tuple[str, ...]:
    """Fields that a failure names as missing or of another type than wanted."""
    return tuple(dict.fromkeys(name for sign in _FAILED_FIELD for name in sign.all(text)))
