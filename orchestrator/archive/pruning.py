"""Archives that nobody needs are removed: planned first, and only where what stays is whole."""

from __future__ import annotations

from contextlib import suppress
from typing import NamedTuple

from msgspec import structs

from orchestrator.archive import chain, retention
from orchestrator.archive.bag import Bag
from orchestrator.archive.retention import Kept, Policy
from orchestrator.archive.shelf import Shelf
from tools.clock import Clock
from tools.errors import UsageError


class Plan(NamedTuple):
    """Every archive and why it stays, newest first; `refused` says of what is damaged, and then nothing may go."""

    archives: list[Kept]
    refused: list[str]

    @property
    def going(self) -> list[Kept]:
        """Those that nothing keeps."""
        return [item for item in self.archives if not item.reasons]


def plan(shelf: Shelf, policy: Policy, named: frozenset[str] = frozenset()) -> Plan:
    """What pruning would do. Nothing is changed. Raises UsageError for a policy that keeps nothing, or unknown names."""
    if min(policy) < 0 or max(policy) == 0:
        raise UsageError(
            "Something must stay. Give one of --keep-last, --keep-daily, --keep-weekly, --keep-monthly."
        )
    seen, refused = shelf.seen()
    known = seen.keys() | {item.info.run for item in seen.values()}
    for name in sorted(named - known):
        raise UsageError(f"--keep {name}: {shelf.folder} holds no such archive.")
    refused += chain.problems(chain.read(shelf.folder), seen)
    archives = [(name, item.info) for name, item in seen.items()]
    return Plan(retention.decide(archives, policy, named), refused)


def prune(shelf: Shelf, decided: Plan, clock: Clock) -> list[str]:
    """Remove what the plan lets go; the names. The caller holds the shelf's lock.

    Before that, everything that stays is read to its end. Raises UsageError where something of it is damaged, and
    nothing is removed then; OSError.
    """
    wrong = list(decided.refused)
    for item in decided.archives:
        if item.reasons and not wrong:
            with Bag(shelf.path_of(item.name)) as bag:
                wrong += bag.verify()
    if wrong:
        raise UsageError(f"Nothing was pruned, for not all that would stay is whole: {wrong[0]}")
    going = {item.name for item in decided.going}
    seen, _ = shelf.seen(besides={link.name for link in chain.read(shelf.folder)})
    links = chain.with_unlisted(chain.read(shelf.folder), seen)
    # Listed as pruned before it is gone: a crash in between leaves an archive too many, never a hole.
    now_ms = clock.now_ms()
    chain.write(
        shelf.folder,
        [structs.replace(link, pruned_ms=now_ms) if link.name in going else link for link in links],
    )
    for name in sorted(going):
        with suppress(FileNotFoundError):
            shelf.path_of(name).unlink()
    return sorted(going)
