"""A cluster's chain in words: which members its root explains, and which are only about the same name or cause too."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

from tools.synthesis.explain import SHARED, Link

Role = Literal["effect", "cause", "company"]


class ChainStep(NamedTuple):
    """A link and the finding that it adds: an `effect` of one told before, a further `cause` of one, or `company`.

    Company is what shares a name with a finding told before; neither explains the other.
    """

    link: Link
    role: Role
    told: str
    added: str


def steps_of(root: str, chain: Sequence[Link]) -> Iterator[ChainStep]:
    """The links in their order; each touches a finding told before it, the root first."""
    told = {root}
    for link in chain:
        backwards = link.effect in told and link.cause not in told
        role: Role = "company" if link.rule.startswith(SHARED) else "cause" if backwards else "effect"
        before, added = (link.effect, link.cause) if backwards else (link.cause, link.effect)
        told.add(added)
        yield ChainStep(link, role, before, added)


def explained(root: str, chain: Sequence[Link]) -> tuple[str, ...]:
    """What descends from the root over causes alone, in the chain's order; the root is not among it."""
    found = {root: None}
    for step in steps_of(root, chain):
        if step.role == "effect" and step.told in found:
            found[step.added] = None
    return tuple(found)[1:]
