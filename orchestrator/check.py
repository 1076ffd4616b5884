"""What one check of `doctor` says."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """How a check came out; only FAIL keeps a session from its work. UNKNOWN: nothing could be said."""

    OK = "ok"
    WARN = "warn"
    UNKNOWN = "unknown"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at. `remedy` is empty where all is well."""

    subject: str
    verdict: Verdict
    saw: str
    remedy: str = ""
