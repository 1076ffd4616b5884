"""Comments in files of configuration that silence a rule: `streamgauge-ignore RULE REASON`, as in code."""

from __future__ import annotations

from tools.findings.rule import Symptom
from tools.sources.records import CodeIndex


def silenced(index: CodeIndex, symptom: Symptom) -> bool:
    """Whether such a comment stands on a line that the symptom names, or on the line above it."""
    wanted = {
        (ignore.path, ignore.line)
        for ignore in index.ignores
        if ignore.text.split(" ", 1)[0] == symptom.rule.id
    }
    if not wanted:
        return False
    for place in symptom.files:
        path, _, number = place.rpartition(":")
        if number.isdecimal() and wanted & {(path, int(number)), (path, int(number) - 1)}:
            return True
    return False
