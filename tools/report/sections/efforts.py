"""What kind of work a fix is, and how long that takes: by kind of the finding that is the cause."""

from __future__ import annotations

from tools.findings.model import (
    Category,
    ConfigCategory,
    Effort,
    Enhancement,
    Finding,
    LogCategory,
    LogFinding,
    ScoutCategory,
    StreamCategory,
)

OPERATION = "a command or a restart; nothing is written"
SETTING = "a line of configuration, then a restart"
CODE = "code in one place, tested and released"
CAPACITY = "look first; then an operation or a setting, or code where each entry is slow"
SEARCH = "look first, then code"
ROTATION = "a line of code, then an operation (rotate it)"
CONTRACT = "code of who writes and who reads, in step"
DOCUMENT = "a line of a document"
DECISION = "a decision of its owner, then a line of code or configuration"

_WORK: dict[Category, str] = {
    LogCategory.BUG: CODE,
    LogCategory.CRASH: CODE,
    LogCategory.RETRY_STORM: CODE,
    LogCategory.TIMEOUT: SEARCH,
    LogCategory.MEMORY_LEAK: SEARCH,
    LogCategory.ANOMALY: SEARCH,
    LogCategory.SECURITY: ROTATION,
    StreamCategory.CONSUMER_LAG: CAPACITY,
    StreamCategory.DEAD_CONSUMER: OPERATION,
    StreamCategory.STUCK_MESSAGE: OPERATION,
    StreamCategory.MISSING_ACK: CODE,
    StreamCategory.DELIVERY_FAILURE: CODE,
    StreamCategory.STREAM_GROWING: CAPACITY,
    StreamCategory.UNBOUNDED_STREAM: CODE,
    StreamCategory.MISSING_MAXLEN: CODE,
    StreamCategory.NO_CONSUMER_GROUP: DECISION,
    StreamCategory.ORPHANED_STREAM: DECISION,
    StreamCategory.COMPETING_CONSUMERS: DECISION,
    StreamCategory.SCHEMA_INCONSISTENCY: CONTRACT,
    ConfigCategory.SCHEMA_DRIFT: CONTRACT,
    ConfigCategory.MISSING_SCHEMA: CONTRACT,
    ConfigCategory.DOC_DRIFT: DOCUMENT,
    ConfigCategory.ROGUE_STREAM: DECISION,
    ConfigCategory.NAMING_INCONSISTENCY: DECISION,
    ScoutCategory.ARCHITECTURE: CONTRACT,
}
"""Everything else of the Config Auditor is a setting, of the Scout code in one place."""

_EFFORTS = {
    CAPACITY: Effort.HOURS_4_8,
    SEARCH: Effort.HOURS_4_8,
    CONTRACT: Effort.DAYS_1_2,
}
"""Where the finding itself does not say; everything else is a change of one place."""


_HOURS = {
    Effort.HOURS_2_4: "2–4 h",
    Effort.HOURS_4_8: "4–8 h",
    Effort.DAYS_1_2: "1–2 days",
    Effort.SPRINT: "a sprint",
}
_QUICK = frozenset({OPERATION, SETTING, DOCUMENT})
"""Done in minutes; what is tested and released with it is the owner's."""


def told(finding: Finding) -> str:
    """What is to be done, and how long that takes where it is no matter of minutes."""
    kind = work(finding)
    length, estimated = effort(finding)
    if estimated and kind in _QUICK:
        return f"minutes: {kind}"
    return f"{kind}, {'about ' if estimated else ''}{_HOURS[length]}"


def work(finding: Finding) -> str:
    """What is to be done, in a few words."""
    if isinstance(finding, LogFinding) and finding.category is LogCategory.DOC_DRIFT:
        return CODE  # formats of log lines; the Config Auditor's category of that name is about documents
    return _WORK.get(finding.category, CODE if isinstance(finding, Enhancement) else SETTING)


def effort(finding: Finding) -> tuple[Effort, bool]:
    """How long it takes, and whether that is an estimate by its kind and not by the rule."""
    if isinstance(finding, Enhancement):
        return finding.effort, False
    if finding.category is LogCategory.MEMORY_LEAK:
        return Effort.DAYS_1_2, True
    return _EFFORTS.get(work(finding), Effort.HOURS_2_4), True
