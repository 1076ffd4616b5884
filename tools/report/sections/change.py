"""Of a session about a change: how much of what there is it does not tell."""

from __future__ import annotations

from tools.report.context import Context
from tools.report.model import ChangeView
from tools.sources.change import ChangeBase

_COMPARING = 2
"""The Config Auditor and the Enhancement Scout."""


def build(context: Context) -> ChangeView | None:
    """The counts, and one sentence of them; None for a session about the whole project."""
    facts, counts = context.data.facts, context.data.change_counts
    base = None if facts is None else facts.change
    if base is None:
        return None
    new = len(context.findings)
    if len(counts) < _COMPARING:
        return _change(base, None, None, None, new)
    before, still = sum(count.before for count in counts), sum(count.still for count in counts)
    return _change(base, before, still, before - still - sum(count.worse for count in counts), new)


def _change(
    base: ChangeBase, before: int | None, still: int | None, gone: int | None, new: int
) -> ChangeView:
    since = f"commit {base.commit[:12]}, " + (
        f"where the change left {base.asked}"
        if base.how == "merge-base"
        else f"{base.asked} itself (no common history)"
    )
    counted = (
        "how many findings there were before could not be told (section 7)"
        if before is None
        else f"before the change there were {before} findings; {still} of them are still there and not repeated, {gone} are gone"
    )
    skipped = (
        f"; not compared, as they are of other repositories: {', '.join(base.not_compared)}"
        if base.not_compared
        else ""
    )
    return ChangeView(
        revision=base.asked,
        commit=base.commit,
        how=base.how,
        before=before,
        still=still,
        gone=gone,
        new=new,
        not_compared=base.not_compared,
        summary=f"only what changed since {since}, is reported; {counted}{skipped}. Run without --diff-base for all.",
    )
