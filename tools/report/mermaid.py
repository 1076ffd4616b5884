"""Diagrams of the Markdown report: the topology as a flowchart, one flow as a sequence diagram.

Node ids are numbers of ours; names of the audited system stand in quoted, encoded labels only. Both diagrams are
bounded, for a diagram of a hundred nodes tells nobody anything.
"""

from __future__ import annotations

from collections.abc import Iterable

from tools.report.markdown_text import label
from tools.report.streams_model import StreamHealth, TopologyEdge
from tools.synthesis.flows.model import Flow, Step

STREAMS_MAX = 24
STEPS_MAX = 24
_OF_THE_STREAM = frozenset({"trimmed", "removed"})
_CLASSES = (
    "classDef CRITICAL fill:#ffebe9,stroke:#cf222e,color:#24292f",
    "classDef DEGRADED fill:#fff8c5,stroke:#bf8700,color:#24292f",
    "classDef HEALTHY fill:#dafbe1,stroke:#1a7f37,color:#24292f",
    "classDef service fill:#ddf4ff,stroke:#0969da,color:#24292f",
)


def topology(streams: Iterable[StreamHealth], edges: Iterable[TopologyEdge]) -> str:
    """A flowchart: services, streams coloured by status, arrows from writer to stream to reader.

    Groups that no code was seen to read get an arrow to a question mark. Empty where there is no stream.
    """
    shown = list(streams)[:STREAMS_MAX]
    if not shown:
        return ""
    names = {row.stream: f"s{number}" for number, row in enumerate(shown)}
    kept = [edge for edge in edges if edge.stream in names]
    services = {name: f"v{number}" for number, name in enumerate(sorted({edge.service for edge in kept}))}
    lines = ["flowchart LR"]
    lines += [f'  {node}["{label(name)}"]:::service' for name, node in services.items()]
    lines += [f'  {names[row.stream]}[("{label(row.stream)}")]:::{row.status}' for row in shown]
    lines += [_arrow(edge, services[edge.service], names[edge.stream]) for edge in kept]
    read = {(edge.stream, edge.group) for edge in kept if edge.direction == "reads"}
    for row in shown:
        for number, group in enumerate(row.groups):
            if (row.stream, group.name) not in read:
                unknown = f"{names[row.stream]}g{number}"
                lines.append(
                    f'  {names[row.stream]} -->|"{label(group.name)}"| {unknown}(["reader unknown"])'
                )
    return "\n".join([*lines, *(f"  {line}" for line in _CLASSES)])


def sequence(flow: Flow, steps_max: int = STEPS_MAX) -> str:
    """A sequence diagram of one flow, in the order of its steps; times are ms after the first.

    Services and streams are the people in it; what two polls show is drawn with both times.
    """
    steps = flow.steps[:steps_max]
    people: dict[tuple[str, str], str] = {}
    for step in steps:
        for person in _people(step):
            people.setdefault(person, f"p{len(people)}")
    lines = ["sequenceDiagram"]
    lines += [f"  participant {node} as {label(name)}" for (_, name), node in people.items()]
    publisher: str | None = None
    for step in steps:
        me = people[_people(step)[0]]
        stream = people[_people(step)[-1]] if step.stream else None
        lines.append(f"  {_message(step, me, stream, publisher)}{label(_words(step, steps[0].at_ms))}")
        if step.action == "published":
            publisher = me
    left_out = len(flow.steps) - len(steps) + flow.steps_left_out
    if left_out and steps:
        lines.append(f"  Note over {people[_people(steps[-1])[0]]}: {left_out} more steps are left out")
    if flow.flags and steps:
        last = people[_people(steps[-1])[0]]
        lines.append(f"  Note over {last}: {label(', '.join(flow.flags))}")
    return "\n".join(lines)


def _people(step: Step) -> list[tuple[str, str]]:
    """Who a step is drawn at: the service or group, and the stream where it is known."""
    stream = [("stream", step.stream)] if step.stream else []
    return stream if stream and step.action in _OF_THE_STREAM else [("service", step.who), *stream]


def _message(step: Step, me: str, stream: str | None, publisher: str | None) -> str:
    if stream is not None and step.action in {"published", "acked"}:
        return f"{me}->>{stream}: "
    if stream is not None and step.action in {"delivered", "consumed"}:
        return f"{stream}->>{me}: "
    if stream is None and step.action == "consumed" and publisher not in {None, me}:
        return f"{publisher}->>{me}: "
    if step.action in {"pending", "unlisted", *_OF_THE_STREAM}:
        return f"Note over {me}: "
    return f"{me}->>{me}: "


def _words(step: Step, first_ms: int) -> str:
    since = "" if step.since_ms is None else f"{step.since_ms - first_ms}..."
    who = f" ({step.who_marked})" if step.inferred else ""
    return f"{step.action}{who} +{since}{step.at_ms - first_ms} ms"


def _arrow(edge: TopologyEdge, service: str, stream: str) -> str:
    if edge.by == "seen":  # by its log lines only: no code says so
        return (
            f"  {service} -. seen .-> {stream}"
            if edge.direction == "writes"
            else f"  {stream} -. seen .-> {service}"
        )
    if edge.direction == "writes":
        return f"  {service} --> {stream}"
    return f'  {stream} -->|"{label(edge.group)}"| {service}' if edge.group else f"  {stream} -.-> {service}"
