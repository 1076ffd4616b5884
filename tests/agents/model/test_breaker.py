"""The breaker: shut after failures in a row, one call tries, for good where nothing will mend it."""

from __future__ import annotations

from agents.model.breaker import COOL_DOWN_S, FAILURES_MAX, OPENINGS_MAX, Breaker
from tests.fakes.clock import ManualClock


def opened(clock: ManualClock) -> Breaker:
    breaker = Breaker(clock)
    told = [breaker.failed("down") for _ in range(FAILURES_MAX)]
    assert told == [False] * (FAILURES_MAX - 1) + [True]
    return breaker


def test_failures_in_a_row_open_it_and_a_success_between_them_does_not() -> None:
    breaker = Breaker(ManualClock())
    for _ in range(10):
        assert not breaker.failed("down")
        assert not breaker.succeeded()
    assert breaker.lets_through()


def test_while_it_is_open_nobody_asks_and_then_one_call_tries() -> None:
    clock = ManualClock()
    breaker = opened(clock)
    assert not breaker.lets_through()
    clock.advance(COOL_DOWN_S)
    assert [breaker.lets_through(), breaker.lets_through()] == [True, False]
    assert breaker.succeeded()
    assert breaker.lets_through()


def test_a_call_that_tried_in_vain_doubles_the_pause_until_it_stays_shut() -> None:
    clock = ManualClock()
    breaker = opened(clock)
    for opening in range(1, OPENINGS_MAX):
        clock.advance(COOL_DOWN_S * 2 ** (opening - 1))
        assert breaker.lets_through()
        assert breaker.failed("still down")
        assert not breaker.lets_through()
    clock.advance(1e9)
    assert breaker.state == "shut"
    assert not breaker.lets_through()


def test_a_call_that_was_not_made_lets_another_one_try() -> None:
    clock = ManualClock()
    breaker = opened(clock)
    clock.advance(COOL_DOWN_S)
    assert breaker.lets_through()
    breaker.gave_up_trying()
    assert breaker.lets_through()


def test_what_will_not_mend_is_shut_at_once_and_told_once() -> None:
    breaker = Breaker(ManualClock())
    assert breaker.failed("the API refuses the key", for_good=True)
    assert not breaker.failed("the API refuses the key", for_good=True)
    assert not breaker.lets_through()
    assert not breaker.succeeded()
    assert breaker.state == "shut"
