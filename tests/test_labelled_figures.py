"""What the labelled sets measure, in figures at the end of the run: recall of at least 0.99, and no false alarm.

Each line, trace and secret has a test of its own beside its module; secrets stand here in their plainest context alone.
"""

from __future__ import annotations

from collections.abc import Callable

from tests.secret_samples import CONTEXTS, LOOK_ALIKES, SAMPLES
from tests.sources.logs.labelled import formats, keywords
from tests.sources.logs.lines import line
from tests.sources.logs.test_formats import ARRIVED_MS
from tests.sources.logs.test_keywords import is_failure
from tests.sources.logs.test_trace_corpus import MESSAGES, RECORD, TRACES, items, whole
from tests.test_secret_rules import OTHER, left
from tools import masking
from tools.sources.logs.parse import parse

RECALL_MIN = 0.99
Record = Callable[[str, object], None]


def told(record: Record, what: str, found: int, labelled: int, *, false: int, harmless: int) -> None:
    record("figures", f"{what}: {found} of {labelled} found, {false} false alarms in {harmless}")
    assert found >= RECALL_MIN * labelled
    assert false == 0


def test_failures_in_lines(record_property: Record) -> None:
    failures, harmless = keywords(failures=True), keywords(failures=False)
    found, false = (sum(is_failure(line(text)) for text in texts) for texts in (failures, harmless))
    told(record_property, "failures in lines", found, len(failures), false=false, harmless=len(harmless))


def test_traces_to_the_byte(record_property: Record) -> None:
    traces = [text for name, text in TRACES.items() if name not in MESSAGES]
    found = [whole(items([RECORD, *text.split("\n"), RECORD])) for text in traces]
    exact = sum(texts == [text] for texts, text in zip(found, traces, strict=True))
    more = sum(max(0, len(texts) - 1) for texts in found)
    told(record_property, "traces to the byte", exact, len(traces), false=more, harmless=len(traces))


def test_levels_times_and_messages(record_property: Record) -> None:
    right = severe = 0
    lines = list(formats())
    for labelled in lines:
        parsed = parse(labelled.text, ARRIVED_MS)
        right += (parsed.level, parsed.event_ms, parsed.message) == labelled[2:]
        severe += parsed.level in {"ERROR", "FATAL"} and labelled.level not in {"ERROR", "FATAL"}
    told(
        record_property,
        "levels, times and messages",
        right,
        len(lines),
        false=severe,
        harmless=sum(labelled.level not in {"ERROR", "FATAL"} for labelled in lines),
    )


def test_secrets_and_what_looks_like_one(record_property: Record) -> None:
    context = next(iter(CONTEXTS))
    texts = [(CONTEXTS[context](sample.name, sample.text), sample.secret) for sample in SAMPLES]
    gone = sum(not left(context, secret, masking.mask(text)) for text, secret in texts)
    gone += sum(secret not in masking.mask(text) for text, secret in OTHER.values())
    false = sum(masking.mask(text) != text for text in LOOK_ALIKES.values())
    told(
        record_property,
        "secrets",
        gone,
        len(SAMPLES) + len(OTHER),
        false=false,
        harmless=len(LOOK_ALIKES),
    )
