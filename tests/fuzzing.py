"""`--fuzz SECONDS`: property tests and seeded ones, again and again with new examples, each for so long.

A fuzzer is a test function that hypothesis gives its arguments, or that takes a `seed`. Its parameters share its time. What
it finds fails like any test, with the example, or the seed, that shows it.
"""

from __future__ import annotations

import inspect
import secrets
import time
from collections import Counter
from typing import Any

import hypothesis
import pytest

SEEDED = "seed"


def add_option(parser: pytest.Parser) -> None:
    """`--fuzz`, 0 where nobody fuzzes."""
    parser.addoption(
        "--fuzz",
        type=float,
        default=0.0,
        metavar="SECONDS",
        help="run property tests alone, each for so long",
    )


def select(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the fuzzers in, one item for all seeds of one."""
    if not config.getoption("--fuzz"):
        return
    kept: list[pytest.Item] = []
    seen: set[str] = set()
    for item in items:
        name = _without_seed(item)
        if isinstance(item, pytest.Function) and _is_fuzzer(item) and name not in seen:
            seen.add(name)
            kept.append(item)
    config.hook.pytest_deselected(items=[item for item in items if item not in kept])
    items[:] = kept
    shares = Counter(_function(item) for item in kept)
    for item in kept:
        item.user_properties.append(("fuzzed", config.getoption("--fuzz") / shares[_function(item)]))


def run(item: pytest.Function) -> bool | None:
    """Call one fuzzer until its time is over; None where it is not to be fuzzed. Raises what it finds."""
    seconds = next((value for name, value in item.user_properties if name == "fuzzed"), None)
    if seconds is None:
        return None
    arguments: dict[str, Any] = {name: item.funcargs[name] for name in item._fixtureinfo.argnames}
    begin, turns = time.monotonic(), 0
    while time.monotonic() - begin < float(str(seconds)):
        chosen = secrets.randbelow(1 << 32)
        if SEEDED in arguments:
            arguments[SEEDED] = chosen
        else:
            hypothesis.seed(chosen)(item.obj)
        try:
            item.obj(**arguments)
        except BaseException as error:
            error.add_note(f"{item.nodeid}: found in turn {turns + 1} with seed {chosen}")
            raise
        turns += 1
    item.user_properties.append(
        ("figures", f"{item.nodeid}: {turns} turns in {time.monotonic() - begin:.0f} s")
    )
    return True


def _is_fuzzer(item: pytest.Function) -> bool:
    if inspect.iscoroutinefunction(item.function):
        return False
    return getattr(item.function, "is_hypothesis_test", False) or SEEDED in _parameters(item)


def _parameters(item: pytest.Item) -> dict[str, object]:
    callspec = getattr(item, "callspec", None)
    return {} if callspec is None else callspec.params


def _function(item: pytest.Item) -> str:
    return item.nodeid.partition("[")[0]


def _without_seed(item: pytest.Item) -> str:
    others = {name: str(value) for name, value in _parameters(item).items() if name != SEEDED}
    return f"{_function(item)} {sorted(others.items())}"
