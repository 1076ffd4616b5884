"""From the decision about the language model to its part in a session."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.config.llm_use import LlmUse
from orchestrator.session.clocks import FULL_WINDOW_S

if TYPE_CHECKING:  # the session holds the part that is made here
    from orchestrator.session.context import Session
    from orchestrator.session.model_part import ModelPart

_EVERY_MIN_S = 2.0


def make(session: Session, use: LlmUse) -> ModelPart | None:
    """The model's part of a session; None where no model takes part."""
    session.story.update(language_model=use.why)
    if use.settings is None:
        return None
    # A session without a model does not wait for what one needs to be loaded.
    from agents.model.tracing import tracer
    from orchestrator.session.model_part import ModelPace, ModelPart

    section = session.config.llm
    factor = min(1.0, session.config.session.duration / FULL_WINDOW_S)
    pace = ModelPace(max(_EVERY_MIN_S, section.investigate_every * factor), section.after_window)
    return ModelPart(session, use.settings, pace, tracer(use.tracing, session.session_id))
