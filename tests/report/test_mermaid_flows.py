"""Sequence diagrams of flows: whatever the audited system is called, the diagram keeps its shape."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from tools.report.mermaid import sequence, topology
from tools.report.streams_model import StreamHealth, TopologyEdge
from tools.synthesis.flows.model import ORDER, Flow, Step

_TEXT = r"(?:[^\W]|[-_.,/()?+ ]|#\d+;)*"
_SHAPES = re.compile(
    rf"sequenceDiagram|  participant p\d+ as {_TEXT}|  p\d+->>p\d+: {_TEXT}|  Note over p\d+: {_TEXT}"
)
_names = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
_steps = st.builds(
    Step,
    at_ms=st.integers(0, 10**6),
    since_ms=st.none() | st.integers(0, 10**6),
    service=st.none() | _names,
    action=st.sampled_from(sorted(ORDER)),
    message_id=st.none() | _names,
    stream=st.none() | _names,
    group=st.none() | _names,
    source=_names,
)


@given(st.lists(_steps, max_size=6), st.sampled_from(["consumed-never-acked", "producer-only"]))
def test_a_diagram_of_hostile_names_keeps_its_shape(steps: list[Step], flag: str) -> None:
    flow = Flow(
        kind="correlation",
        key="c",
        steps=tuple(steps),
        services=(),
        flags=(flag,),  # type: ignore[arg-type]  # one of the two
        late_ms=None,
        duration_ms=0,
    )
    lines = sequence(flow).split("\n")
    assert all(_SHAPES.fullmatch(line) for line in lines), lines
    arrows = [line for line in lines if "->>" in line or line.startswith("  Note")]
    assert len(arrows) == len(steps) + bool(steps)


def test_a_diagram_says_how_many_steps_are_not_in_it() -> None:
    step = Step(at_ms=0, service="web", action="seen", message_id=None, source="a:1")
    flow = Flow(
        kind="correlation",
        key="c",
        steps=(step,) * 30,
        steps_left_out=5,
        services=(),
        flags=(),
        late_ms=None,
        duration_ms=0,
    )
    assert sequence(flow, 24).split("\n")[-1] == "  Note over p0: 11 more steps are left out"
    assert "left out" not in sequence(structs.replace(flow, steps_left_out=0), 30)


def test_what_was_seen_and_stands_in_no_code_is_drawn_apart() -> None:
    health = StreamHealth(
        stream="dark",
        length=1,
        pending=0,
        lag=0,
        lag_is_bound=False,
        oldest_pending_ms=None,
        status="HEALTHY",
        verdict="",
        finding_ids=(),
        baseline=None,
        worse=(),
        forecast=None,
        groups=(),
    )
    edges = [
        TopologyEdge(service="web", stream="dark", direction="writes", by="seen"),
        TopologyEdge(service="board", stream="dark", direction="reads", by="seen"),
        TopologyEdge(service="mail", stream="dark", direction="reads", group="g"),
    ]
    drawn = topology([health], edges).split("\n")
    assert "  v2 -. seen .-> s0" in drawn
    assert "  s0 -. seen .-> v0" in drawn
    assert '  s0 -->|"g"| v1' in drawn
