"""Every error that streamgauge raises on purpose.

    StreamgaugeError
    ├── UsageError              the user can mend it; exit code 2
    │   ├── ConfigError         names file, line and key
    │   └── ArchiveRefused      an archive is damaged, or no archive of ours
    ├── PreflightFailed         the session could not begin; exit code 3
    ├── LockHeld                another session is at work; exit code 75
    ├── SourceUnavailable       a source could not look: the caller writes a Gap
    │   └── CommandRefused      a command that is not on the read list
    ├── DeliveryFailed          an alert was not taken: later, elsewhere, or never
    ├── FunctionRefused         a tool function will not do, or cannot find, what it was asked
    ├── JournalCorrupt          a line in the middle of a journal is not valid
    └── StaleAttempt            a newer attempt of this agent owns its journal

A subclass exists only where a caller acts differently.
"""

from __future__ import annotations

from collections.abc import Sequence


class StreamgaugeError(Exception):
    """Base of all errors below; its text is one sentence for the user."""


class UsageError(StreamgaugeError):
    """The call or its input is wrong and the user can mend it."""


class ConfigError(UsageError):
    """A setting is wrong.

    In: where it stands (file, line, key; each may be unknown), what is wrong and what to do.
    """

    def __init__(
        self,
        problem: str,
        *,
        remedy: str,
        file: str | None = None,
        line: int | None = None,
        key: str | None = None,
    ) -> None:
        place = ":".join(str(part) for part in (file, line) if part is not None)
        parts = [part for part in (place, key, problem) if part]
        super().__init__(f"{': '.join(parts)}. {remedy}")
        self.file, self.line, self.key = file, line, key
        self.problem, self.remedy = problem, remedy
        self.errors: tuple[ConfigError, ...] = (self,)

    @classmethod
    def of_all(cls, errors: Sequence[ConfigError]) -> ConfigError:
        """One error that tells all of `errors` (at least one), a line each; `errors` keeps them apart."""
        if len(errors) == 1:
            return errors[0]
        first = errors[0]
        whole = cls(first.problem, remedy=first.remedy, file=first.file, line=first.line, key=first.key)
        whole.args = ("\n".join(map(str, errors)),)
        whole.errors = tuple(errors)
        return whole


class ArchiveRefused(UsageError):
    """An archive is damaged, hostile or none of ours; the text says what is wrong with it."""


class PreflightFailed(StreamgaugeError):
    """A step of the pre-flight failed; the session stops with a report that says why."""


class LockHeld(StreamgaugeError):
    """Another session holds the lock; the text names its pid and session id."""


class SourceUnavailable(StreamgaugeError):
    """A source could not look. In: what could not be seen, why, and how to close the gap."""

    def __init__(self, what: str, why: str, fix: str) -> None:
        super().__init__(f"{what}: {why}. {fix}")
        self.what, self.why, self.fix = what, why, fix


class CommandRefused(SourceUnavailable):
    """The read-only Redis client was asked for a command that is not on its list."""


class DeliveryFailed(StreamgaugeError):
    """A channel did not take a message. In: why, whether trying again is of no use, and what the peer asks to wait."""

    def __init__(self, reason: str, *, permanent: bool = False, retry_after_s: float | None = None) -> None:
        super().__init__(reason)
        self.permanent, self.retry_after_s = permanent, retry_after_s


class FunctionRefused(StreamgaugeError):
    """A tool function will not do, or cannot find, what it was asked; the text says what to do."""


class JournalCorrupt(StreamgaugeError):
    """A complete line of a journal does not parse; names file, line and byte offset."""


class StaleAttempt(StreamgaugeError):
    """This process is an older attempt of its agent and may not write any more."""
