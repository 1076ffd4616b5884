"""Memory that only climbs fires; whatever healthy processes do does not. On and over each limit."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence

import pytest
from msgspec.structs import replace

from tests.detectors.logs.test_rules import view
from tools.clock import iso
from tools.detectors.logs import memory_growth
from tools.detectors.thresholds import Expectation, Judgement, Limits
from tools.findings.model import Severity
from tools.findings.rule import Symptom
from tools.sources.memory import Memory
from tools.sources.records import ProcessSample, SampleLine

START_MS = 1_750_000_000_000
STEP_S = 30
MB = 1024 * 1024
NODE = [
    21, 53, 58, 61, 61, 61, 63, 57, 60, 62, 64, 63, 64, 64, 64, 64, 64, 65, 65, 65, 65, 65, 65, 64, 64, 65, 64, 65, 64, 65,
]  # fmt: skip
"""MB of a Node.js server at 60 requests a second from its start, every 30 s: measured."""
JAVA = [
    15, 116, 122, 118, 129, 129, 147, 148, 174, 190, 205, 221, 236, 251, 266, 282, 297, 313, 328, 342, 342, 342, 342, 343, 343,
]  # fmt: skip
"""The same of a Java server with -Xmx1g: it climbs for ten minutes until it collects for the first time."""
JAVA_QUIET = [
    116, 119, 124, 128, 133, 136, 136, 136, 136, 136, 144, 144, 136, 136, 140, 154, 159, 163, 168, 173, 177, 182, 187, 191, 196,
    201, 205, 210, 214, 219, 224, 228, 233, 238, 242, 247, 252, 256, 261, 266, 270,
]  # fmt: skip
"""At 5 requests a second: 25 minutes and still no end."""
PYTHON = [3, 23, 25, 25, 25] + [26] * 25


def lines(
    figures: Sequence[float], *, born_s: float = -3600, step_s: float = STEP_S, **fields: object
) -> list[SampleLine]:
    """Samples of `figures` MB, of a process that began `born_s` before the first (an hour, unless given)."""
    made = []
    for number, figure in enumerate(figures):
        sample = ProcessSample(
            at=iso(START_MS + round(number * step_s * 1000)), kind="service", name="orders", status="alive", pid=7,
            started_ms=START_MS + round(born_s * 1000), program="node", processes=1, rss_bytes=round(figure * MB),
        )  # fmt: skip
        made.append(
            SampleLine(
                sample=replace(sample, **fields), source="m", byte_offset=number * 200, byte_length=199
            )
        )
    return made


def symptoms(samples: Sequence[SampleLine], judgement: Judgement | None = None) -> list[Symptom]:
    seen = view(samples={"orders": tuple(samples)}, judgement=judgement or Judgement())
    return list(memory_growth.detect(seen))


def fires(samples: Sequence[SampleLine], **limits: object) -> bool:
    return bool(symptoms(samples, Judgement(limits=Limits.model_validate(limits))))


def curve(figure: Callable[[int], float], count: int = 20) -> list[float]:
    return [figure(number) for number in range(count)]


def linear(rise: float, count: int = 20, first: float = 100.0) -> list[float]:
    """From `first` MB up by `rise` MB in all."""
    return [first + rise * number / (count - 1) for number in range(count)]


# --- What healthy processes do ---------------------------------------------------------------------------

NOISE = random.Random(7)


@pytest.mark.parametrize(
    "figures",
    [
        pytest.param(NODE, id="Node under load, measured"),
        pytest.param(PYTHON, id="Python under load, measured"),
        pytest.param([200.0] * 30, id="flat"),
        pytest.param(curve(lambda n: 200 + NOISE.uniform(-1, 1), 60), id="flat with noise"),
        pytest.param(curve(lambda n: 100 + 80 * (n % 6) / 5), id="collected every three minutes"),
        pytest.param(curve(lambda n: 100 + 120 * (n % 15) / 14, 29), id="collected every seven minutes"),
        pytest.param(curve(lambda n: 100 + min(n, 6) * 20), id="grows while it starts, then a plateau"),
        pytest.param(curve(lambda n: 100 + min(n, 14) * 8), id="a plateau after seven minutes"),
        pytest.param(curve(lambda n: 100 if n < 10 else 250), id="one step in the middle"),
        pytest.param(curve(lambda n: 100 if n < 3 else 250), id="one step early"),
        pytest.param(curve(lambda n: 100 + 80 * (n >= 5) + 80 * (n >= 14)), id="two steps"),
        pytest.param(curve(lambda n: 300 - 150 * math.exp(-n / 5)), id="a cache that fills in five minutes"),
        pytest.param(curve(lambda n: 500 - 350 * math.exp(-n / 14)), id="a cache that fills slowly"),
        pytest.param(curve(lambda n: 900 - 700 * math.exp(-n / 25), 40), id="one that fills for half an hour"),
        pytest.param(curve(lambda n: 100 * math.log(n + 2)), id="ever more slowly"),
        pytest.param(curve(lambda n: 200 - n * 4), id="falls"),
        pytest.param(curve(lambda n: (100 + 15 * n) * (1 - 0.1 * (n % 2))), id="gives back at every other sample"),
    ],
)  # fmt: skip
def test_healthy_memory_is_no_leak_at_any_moment(figures: list[float]) -> None:
    for count in range(1, len(figures) + 1):
        assert not fires(lines(figures[:count])), f"after {count} samples"
        assert not fires(lines(figures[:count], born_s=-5)), f"after {count} samples, just started"


@pytest.mark.parametrize("figures", [JAVA, JAVA_QUIET], ids=["busy", "quiet"])
@pytest.mark.parametrize("program", ["java", "dotnet"])
def test_heaps_that_grow_to_their_limit_by_design_are_not_judged(figures: list[float], program: str) -> None:
    assert not any(fires(lines(figures[:count], program=program)) for count in range(1, len(figures) + 1))


def test_after_a_collection_that_gave_back_the_climb_before_it_is_forgotten() -> None:
    collected = [*linear(300, 19), 180.0]
    assert fires(lines(collected[:-1]))
    assert not fires(lines(collected))
    assert not fires(lines([*collected, *[185.0] * 10]))


# --- What a leak does ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("figures", "program"),
    [
        pytest.param(linear(100), "node", id="straight"),
        pytest.param([*[100.0] * 40, *linear(100)], "python3.11", id="begins late"),
        pytest.param([*linear(300, 10), *linear(300, 30, 400)], "node", id="after a quick start"),
        pytest.param(curve(lambda n: 100 + 10 * (n // 2)), "node", id="in many small steps"),
        pytest.param(curve(lambda n: 100 + 0.4 * n * n, 30), "node", id="ever faster"),
        pytest.param(curve(lambda n: 400 + 12 * n + 3 * (-1) ** n), "node", id="with noise below 2 %"),
        pytest.param(curve(lambda n: 100 + n, 200), "", id="slowly, for hours"),
    ],
)
def test_a_leak_is_found(figures: list[float], program: str) -> None:
    [symptom] = symptoms(lines(figures, program=program))
    assert (symptom.rule.severity, symptom.service) == (Severity.HIGH, "orders")
    assert symptom.position is not None
    assert symptom.position[0] == "m"


def test_it_says_how_much_how_fast_and_quotes_three_samples() -> None:
    [symptom] = symptoms(lines(linear(200, 21)))
    assert symptom.title == "Memory of orders only climbs: 100 MB to 300 MB in 10 min"
    assert symptom.pattern == "20.0 MB a minute over 10 min, 21 samples"
    assert "heap snapshot" in symptom.recommendation
    assert len(symptom.evidence) == 3
    assert '"rssBytes":104857600' in symptom.evidence[0].text


# --- Limits ----------------------------------------------------------------------------------------------


def dipped(figure: float) -> list[float]:
    """10 MB more at each sample, but once, after 190 MB."""
    return [figure if number == 10 else 100 + 10 * number for number in range(20)]


@pytest.mark.parametrize(
    ("samples", "limits", "found"),
    [
        pytest.param(lines(linear(100, 9), step_s=60), {}, False, id="9 samples"),
        pytest.param(lines(linear(100, 10), step_s=60), {}, True, id="10 samples"),
        pytest.param(lines(linear(100, 17), step_s=29.9), {}, False, id="over 478 s"),
        pytest.param(lines(linear(100, 17), step_s=30), {}, True, id="over 480 s"),
        pytest.param(lines(linear(49.9)), {}, False, id="49.9 MB"),
        pytest.param(lines(linear(50)), {}, True, id="50 MB"),
        pytest.param(lines(linear(99.9, first=400)), {}, False, id="just below 25 %"),
        pytest.param(lines(linear(100, first=400)), {}, True, id="25 %"),
        pytest.param(lines(dipped(186.21)), {}, True, id="a fall by 2 %"),
        pytest.param(lines(dipped(186.19)), {}, False, id="a fall by a little more"),
        pytest.param(lines(dipped(186.19)), {"memory_fall": 0.03}, True, id="with such a fall allowed"),
        pytest.param(lines(linear(130), born_s=270), {"memory_span": "4m"}, False, id="settled for 9 samples"),
        pytest.param(lines(linear(110), born_s=240), {"memory_span": "4m"}, True, id="settled for 10 samples"),
        pytest.param(lines(linear(30)), {"memory_growth_mb": 30}, True, id="a smaller limit, MB"),
        pytest.param(lines(linear(60, first=400)), {"memory_growth": 0.15}, True, id="a smaller limit, share"),
        pytest.param(lines(linear(100, 10), step_s=1), {"memory_span": "9s"}, True, id="a quick pace"),
    ],
)  # fmt: skip
def test_on_and_over_each_limit(samples: list[SampleLine], limits: dict[str, object], found: bool) -> None:
    assert fires(samples, **limits) is found


def halves(second: float) -> list[float]:
    """100 MB more in the first half, `second` MB in the second."""
    return [100 + 10 * n if n <= 10 else 200 + second / 10 * (n - 10) for n in range(21)]


@pytest.mark.parametrize(("second", "found"), [(74, False), (76, True), (150, True)])
def test_the_second_half_must_keep_the_pace(second: float, found: bool) -> None:
    assert fires(lines(halves(second))) is found


# --- Another process, other children, intent -------------------------------------------------------------


def test_a_restart_begins_anew() -> None:
    """Eight samples of one process and eight of the next are no climb of sixteen."""
    memory = Memory()
    for line in (*lines(linear(80, 8)), *lines(linear(200, 8, 180), born_s=10, pid=8)):
        memory.take(line)
    assert [len(known) for known in memory.touched().values()] == [8]
    assert not symptoms(memory.touched()["orders"])


def test_samples_with_other_children_are_not_compared() -> None:
    """Workers that are added one by one are no leak; a child for a moment hides none."""
    growing = [
        replace(line.sample, processes=1 + number // 5) for number, line in enumerate(lines(linear(200)))
    ]
    assert not fires(
        [replace(line, sample=sample) for line, sample in zip(lines(linear(200)), growing, strict=True)]
    )
    flicker = [
        replace(line.sample, processes=2 - number % 2) for number, line in enumerate(lines(linear(200, 40)))
    ]
    assert fires(
        [replace(line, sample=sample) for line, sample in zip(lines(linear(200, 40)), flicker, strict=True)]
    )


def test_memory_that_is_meant_to_grow_is_not_reported() -> None:
    meant = Judgement(expect=(Expectation(service="ord*", memory_ok=True),))
    assert symptoms(lines(linear(300)), meant) == []
