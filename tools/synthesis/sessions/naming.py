"""What findings were called before: an entry that accepts one goes on to while only its line or its file changes."""

from __future__ import annotations

from collections.abc import Container, Mapping

from tools.synthesis.sessions.pairing import pairs
from tools.synthesis.sessions.record import NAMES_MAX, KnownFinding, SessionRecord


def former_names(earlier: SessionRecord | None, later: SessionRecord) -> Mapping[str, tuple[str, ...]]:
    """Fingerprint of a later finding → those that it had before, the newest first.

    Only where one finding can be meant, its line stands in the function where it stood, and it did not get worse: else
    nobody accepted what it is now. A name that another finding of the later session has is that one's.
    """
    if earlier is None:
        return {}
    now = {known.fingerprint: known for known in later.findings}
    then = {known.fingerprint: known for known in (*earlier.carried, *earlier.findings)}
    absent = [known for name, known in then.items() if name not in now]
    fresh = [known for name, known in now.items() if name not in then]
    found = {name: then[name].formerly for name in now if name in then}
    for name, pair in pairs(absent, fresh, later).items():
        if pair.alone and now[name].rank >= pair.then.rank and _stands_where(pair.then, now[name]):
            found[name] = (pair.then.fingerprint, *pair.then.formerly)[:NAMES_MAX]
    kept = {name: tuple(it for it in names if it not in now) for name, names in found.items()}
    return {name: names for name, names in kept.items() if names}


def _stands_where(then: KnownFinding, now: KnownFinding) -> bool:
    """Not where a line was mended in one function and made again in another. A record of before says nothing of it."""
    return not (then.within and now.within) or not set(then.within).isdisjoint(now.within)


def accepted_by(names: tuple[str, ...], accepted: Container[str]) -> str | None:
    """The newest of the names that is accepted."""
    return next((name for name in names if name in accepted), None)


def known_by(record: SessionRecord | None) -> Mapping[str, tuple[str, ...]]:
    """The same of what a record holds."""
    found: tuple[KnownFinding, ...] = () if record is None else (*record.carried, *record.findings)
    return {known.fingerprint: known.formerly for known in found if known.formerly}
