"""Fingerprints: the identity of a finding across sessions."""

from __future__ import annotations

import hashlib
import re

_RUN_OF_SPACE = re.compile(r"\s+")


def fingerprint(rule_id: str, entity: tuple[str, ...], location: str = "") -> str:
    """`v1:` and 20 hex digits of SHA-256 over rule, entity and normalised location.

    White space in `location` is folded, so that re-indented code keeps its fingerprint; it must hold no
    time, count, id or line number. Parts are length-prefixed, so no two inputs share an encoding.
    """
    parts = [rule_id, *entity, _RUN_OF_SPACE.sub(" ", location).strip()]
    digest = hashlib.sha256()
    for part in parts:
        raw = part.encode("utf-8", "surrogatepass")
        digest.update(len(raw).to_bytes(8, "big"))
        digest.update(raw)
    return f"v1:{digest.hexdigest()[:20]}"
