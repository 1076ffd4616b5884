"""The graph's state: small, plain JSON, bounded. Collaborators are in the `Session`, never in a checkpoint."""

from __future__ import annotations

import operator
from typing import Annotated, TypedDict

from agents.node import AgentOutcome


class SessionState(TypedDict, total=False):
    """What the phases hand on. `failure` says why a phase stopped the session; it is set once."""

    session_id: str
    failure: str
    outcomes: Annotated[list[AgentOutcome], operator.add]
    supervisions: int
    health: str
    exit_code: int
