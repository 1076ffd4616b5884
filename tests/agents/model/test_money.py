"""Prices and the budget: exact sums, the worst case first, no limit ever passed."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.model.budget import Budget, BudgetSpent
from agents.model.prices import TABLE, Price, Usage, cost, price_of, shown, worst_cost
from agents.model.settings import DEFAULT_MODELS, Limits, Role

ROLE = Role.LOG_WATCHER
SONNET = TABLE["claude-sonnet-5-5"]
HAIKU = TABLE["claude-haiku-5-5"]


def limits(usd: str = "1", tokens: int = 10**9, calls: int = 100, seconds: float = 100) -> Limits:
    return Limits(usd=Decimal(usd), tokens=tokens, calls=calls, seconds=seconds)


@pytest.mark.parametrize(
    ("model", "usage", "usd"),
    [
        pytest.param("claude-sonnet-5-5", Usage(input=1000, output=100), "0.003", id="plain"),
        pytest.param("claude-opus-5-5", Usage(cache_write=1000, cache_read=10_000), "0.007", id="cache"),
        pytest.param("claude-opus-5-5", Usage(cache_write_1h=1000), "0.008", id="cache, an hour"),
        pytest.param("claude-haiku-5-5", Usage(input=100_000, output=10), "0.010005", id="on the long limit"),
        pytest.param(
            "claude-haiku-5-5", Usage(input=100_001, output=10), "0.0500255", id="over it: all of it"
        ),
        pytest.param(
            "claude-haiku-5-5", Usage(input=1, cache_read=100_000), "0.0050005", id="reads count as prompt"
        ),
    ],
)
def test_a_usage_costs_what_the_table_says(model: str, usage: Usage, usd: str) -> None:
    assert cost(TABLE[model], usage) == Decimal(usd)


def test_an_unknown_model_has_no_price_and_costs_unknown() -> None:
    assert price_of("claude-next") is None
    assert shown(None) == "unknown"


def test_a_configured_price_comes_before_the_table() -> None:
    own = Price(
        model="claude-sonnet-5-5", input=1, output=1, cache_write=1, cache_write_1h=1, cache_read=1,
        as_of=date(2027, 1, 1),
    )  # fmt: skip
    assert price_of("claude-sonnet-5-5", (own,)) is own


def test_every_default_model_has_a_price_and_is_the_newest_of_its_line_that_the_sdk_knows() -> None:
    from anthropic.types.model import Model

    known = get_args(get_args(Model)[0])
    assert set(DEFAULT_MODELS) == set(Role)
    for model in DEFAULT_MODELS.values():
        assert price_of(model) is not None
        line = model.rsplit("-", 2)[0]
        versions = {name: name.removeprefix(f"{line}-").split("-") for name in known if name.startswith(line)}
        numbered = {
            name: tuple(map(int, parts))
            for name, parts in versions.items()
            if all(part.isdecimal() and len(part) < 3 for part in parts)
        }
        assert max(numbered, key=lambda name: numbered[name]) == model


def test_what_could_pass_the_limit_is_refused_and_nothing_is_held_for_it() -> None:
    budget = Budget(limits("0.01"), limits("1"))
    with pytest.raises(BudgetSpent, match=r"0\.01 USD of this session"):
        budget.reserve(ROLE, SONNET, 10_000, 8192)
    assert budget.whole.held_usd == 0
    assert budget.whole.calls == 0


def test_an_answer_is_made_shorter_where_the_long_one_cannot_be_paid() -> None:
    budget = Budget(limits("0.05"), limits("1"))
    held = budget.reserve(ROLE, SONNET, 4000, 8192)
    assert held.output_tokens == 4000
    assert held.usd == Decimal("0.05")


def test_parallel_calls_share_what_is_left() -> None:
    budget = Budget(limits("0.10"), limits("1"))
    budget.reserve(ROLE, SONNET, 4000, 8192)
    with pytest.raises(BudgetSpent):
        budget.reserve(Role.STREAM_ANALYST, SONNET, 4000, 8192)


def test_a_role_has_its_own_share() -> None:
    budget = Budget(limits("1"), limits("0.05"))
    budget.settle(budget.reserve(ROLE, SONNET, 4000, 2000), None, 0)
    with pytest.raises(BudgetSpent, match="of log-watcher"):
        budget.reserve(ROLE, SONNET, 4000, 3000)
    assert budget.reserve(Role.STREAM_ANALYST, SONNET, 4000, 3000).output_tokens == 3000


def test_a_role_may_have_limits_that_others_have_not() -> None:
    budget = Budget(limits("1"), limits("1"), {ROLE: limits("0.05")})
    with pytest.raises(BudgetSpent, match=r"0\.05 USD of log-watcher"):
        budget.reserve(ROLE, SONNET, 40_000, 3000)
    assert budget.reserve(Role.STREAM_ANALYST, SONNET, 40_000, 3000).output_tokens == 3000


@pytest.mark.parametrize(
    ("given", "words"),
    [
        pytest.param(limits(calls=1), "1 calls", id="calls"),
        pytest.param(limits(seconds=5), "5 s of waiting", id="seconds"),
        pytest.param(limits(tokens=3000), "3000 tokens", id="tokens"),
    ],
)
def test_each_limit_alone_ends_it(given: Limits, words: str) -> None:
    budget = Budget(given, limits())
    budget.settle(budget.reserve(ROLE, SONNET, 1000, 1500), Usage(input=1000, output=1000), 5)
    with pytest.raises(BudgetSpent, match=words):
        budget.reserve(ROLE, SONNET, 1000, 1500)


def test_calls_that_wait_at_once_do_not_pass_the_time_together() -> None:
    budget = Budget(limits(seconds=100), limits(seconds=90))
    first, second = (budget.reserve(role, SONNET, 1000, 1000, 60) for role in (ROLE, Role.STREAM_ANALYST))
    assert (first.seconds, second.seconds) == (60, 40)
    with pytest.raises(BudgetSpent, match="could pass 100 s of waiting of this session"):
        budget.reserve(ROLE, SONNET, 1000, 1000, 60)
    budget.settle(first, Usage(input=1000, output=1000), 2)
    assert budget.reserve(ROLE, SONNET, 1000, 1000, 60).seconds == 58
    budget.release(second, 40)
    assert budget.whole.seconds + budget.whole.held_seconds == 100


def test_without_a_usage_the_reservation_stays_and_a_refused_request_costs_nothing() -> None:
    budget = Budget(limits(), limits())
    held = budget.reserve(ROLE, SONNET, 1000, 1000)
    assert budget.settle(held, None, 1) == held.usd == Decimal("0.0125")
    budget.release(budget.reserve(ROLE, SONNET, 1000, 1000), 1)
    assert budget.whole.usd == Decimal("0.0125")
    assert budget.kept_usd == Decimal("0.0125")
    assert budget.whole.held_usd == 0


_STEPS = st.lists(
    st.tuples(
        st.sampled_from([SONNET, HAIKU]),
        st.integers(1, 200_000),
        st.integers(1, 20_000),
        st.floats(0, 1),
        st.sampled_from(["settle", "keep", "release", "hang"]),
    ),
    max_size=40,
)


@given(_STEPS, st.decimals("0.01", "3", places=3))
def test_whatever_is_asked_and_billed_the_limit_is_never_passed(
    steps: list[tuple[Price, int, int, float, str]], usd: Decimal
) -> None:
    budget = Budget(limits(str(usd), seconds=500), limits("1"))
    billed = Decimal(0)
    for price, prompt, output, part, how in steps:
        try:
            held = budget.reserve(ROLE, price, prompt, output, 60)
        except BudgetSpent:
            continue
        used = Usage(cache_write=round(prompt * part), output=round(held.output_tokens * part))
        assert cost(price, used) <= worst_cost(price, prompt, held.output_tokens) == held.usd
        waited = held.seconds * part
        if how == "settle":
            billed += budget.settle(held, used, waited)
        elif how == "keep":
            billed += cost(price, used)
            budget.settle(held, None, waited)
        elif how == "release":
            budget.release(held, waited)
        else:  # never comes back
            billed += held.usd
        assert billed <= budget.whole.usd + budget.whole.held_usd <= usd
        assert budget.whole.seconds + budget.whole.held_seconds <= 100 + 1e-6
