"""What models cost: one dated table, and exact arithmetic on it. A model that is not in it costs "unknown", never 0.

Prices are USD per million tokens. `input_tokens` of a usage are those that were neither written to nor read from the
cache; `output_tokens` include what the model thought.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from decimal import ROUND_UP, Decimal

from msgspec import Struct
from pydantic import BaseModel, ConfigDict, Field

AS_OF = date(2026, 11, 20)
"""The day of the table: the prices that the vendor's own command line tool billed for known usages."""
_MILLION = Decimal(1_000_000)


class Price(BaseModel):
    """Prices of one model. A prompt of more than `long_over` tokens is billed by `long_factor` times all of them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str = Field(min_length=1, description="the model's id, as the API knows it")
    input: Decimal = Field(ge=0, description="USD per million tokens of prompt")
    output: Decimal = Field(ge=0, description="USD per million tokens of answer")
    cache_write: Decimal = Field(ge=0, description="the same of prompt that is kept for 5 minutes")
    cache_write_1h: Decimal = Field(ge=0, description="the same of prompt that is kept for an hour")
    cache_read: Decimal = Field(ge=0, description="the same of prompt that was kept")
    as_of: date = Field(default=AS_OF, description="the day on which these prices were looked up")
    long_over: int | None = Field(
        default=None, ge=1, description="tokens of prompt from which on more is billed"
    )
    long_factor: Decimal = Field(default=Decimal(1), ge=1, description="by how much, for the whole request")


class Usage(Struct, frozen=True, kw_only=True, rename="camel"):
    """Tokens of one answer, as the API counts them. `cache_write` are those kept for 5 minutes."""

    input: int = 0
    output: int = 0
    cache_write: int = 0
    cache_write_1h: int = 0
    cache_read: int = 0

    @property
    def prompt(self) -> int:
        """Tokens of the whole prompt."""
        return self.input + self.cache_write + self.cache_write_1h + self.cache_read

    @property
    def total(self) -> int:
        """Tokens of prompt and answer."""
        return self.prompt + self.output


def _price(model: str, figures: str, long_over: int | None = None, long_factor: str = "1") -> Price:
    """From input, output, 5-minute write, 1-hour write and read, in this order."""
    names = ("input", "output", "cache_write", "cache_write_1h", "cache_read")
    parts = dict(zip(names, map(Decimal, figures.split()), strict=True))
    return Price(model=model, long_over=long_over, long_factor=Decimal(long_factor), **parts)


TABLE: Mapping[str, Price] = {
    price.model: price
    for price in (
        _price("claude-fable-5-2", "8 40 10 16 0.20"),
        _price("claude-opus-5-5", "4 20 5 8 0.20"),
        _price("claude-sonnet-5-5", "2 10 2.5 4 0.10"),
        _price("claude-haiku-5-5", "0.10 0.50 0.125 0.20 0.01", 100_000, "5"),
        _price("claude-opus-4-8", "5 25 6.25 10 0.5"),
        _price("claude-haiku-4-5", "1 5 1.25 2 0.1"),
    )
}


def price_of(model: str, own: Iterable[Price] = ()) -> Price | None:
    """The price of a model: the user's own, else the table's; None where neither knows it."""
    configured = {price.model: price for price in own}
    return configured.get(model) or TABLE.get(model)


def cost(price: Price, usage: Usage) -> Decimal:
    """What a usage costs, in USD, exact."""
    long = price.long_over is not None and usage.prompt > price.long_over
    per_million = (
        usage.input * price.input
        + usage.output * price.output
        + usage.cache_write * price.cache_write
        + usage.cache_write_1h * price.cache_write_1h
        + usage.cache_read * price.cache_read
    )
    return per_million * (price.long_factor if long else 1) / _MILLION


def worst_cost(price: Price, prompt_tokens: int, output_tokens: int) -> Decimal:
    """The most that a request can cost: every token of its prompt written to the cache, and the longest answer."""
    dearest = max(price.input, price.cache_write, price.cache_read)
    factor = (
        price.long_factor if price.long_over is not None and prompt_tokens > price.long_over else Decimal(1)
    )
    return (prompt_tokens * dearest + output_tokens * price.output) * factor / _MILLION


def affordable_output(price: Price, prompt_tokens: int, usd: Decimal) -> int:
    """How many tokens of answer `usd` pays for beside the prompt; below 0 where the prompt alone costs more."""
    left = usd - worst_cost(price, prompt_tokens, 0)
    each = worst_cost(price, prompt_tokens, 1) - worst_cost(price, prompt_tokens, 0)
    if not each:
        return 0 if left < 0 else 1_000_000
    return int(left / each) if left >= 0 else -1


def shown(usd: Decimal | None) -> str:
    """A sum for people: four decimals, rounded up; "unknown" where it is not known."""
    return "unknown" if usd is None else f"{usd.quantize(Decimal('0.0001'), ROUND_UP):f}"
