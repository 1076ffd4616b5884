"""A run of an AI agent that went wrong: a low safety score, a task given up after minutes, no retries left.

Such runs end without an error of their own, and what they did until then stands.
"""

from __future__ import annotations

from collections.abc import Iterator

from tools.agent_runs import SAFETY_MIN, told
from tools.detectors.contract import LogView
from tools.detectors.logs.frequency import said as words_of
from tools.detectors.logs.frequency import seconds, shortened, template_symptom
from tools.findings.model import AgentId, LogCategory, Severity
from tools.findings.rule import Rule, Symptom

RULE = Rule(
    id="log.agent-run",
    agent=AgentId.LOG_WATCHER,
    category=LogCategory.SECURITY,
    severity=Severity.HIGH,
    condition=(
        "A line about an agent's run tells of a safety score below 0.85 (SECURITY), a task that timed out after more than 5"
        " minutes (TIMEOUT), or that its retries are used up (RETRY_STORM)."
    ),
)
RULES: tuple[Rule, ...] = (RULE,)
_CATEGORY = {
    "safety": LogCategory.SECURITY,
    "timeout": LogCategory.TIMEOUT,
    "retries": LogCategory.RETRY_STORM,
}
_ADVICE = {
    "safety": "Look at what the run did and undo what must not stand; let runs below the limit wait for a person.",
    "timeout": "Split the task, or give it a deadline that its caller knows; see what the run waited for in its last lines.",
    "retries": "See why each attempt failed; let the task go to a dead-letter stream, and raise no limit before that is known.",
}


def detect(view: LogView) -> Iterator[Symptom]:
    """One symptom for each template and trouble."""
    for stats in view.unexpected:
        found = told(stats.example.text)
        if found is None:
            continue
        match found.trouble:
            case "safety":
                why = f"The run's safety score is {found.figure:g}; {SAFETY_MIN:g} is the least."
            case "timeout":
                why = f"The task was given up after {seconds(found.figure or 0)}."
            case "retries":
                why = "The run used all its retries; its task was most likely not done."
        yield template_symptom(
            RULE,
            stats,
            location=f"{found.trouble} {stats.template}",
            category=_CATEGORY[found.trouble],
            title=f"{stats.service}: an agent's run: {shortened(words_of(stats.example), 100)}",
            recommendation=_ADVICE[found.trouble],
            hypothesis=why,
        )
