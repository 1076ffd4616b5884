"""The hard budget: before a call its worst case is reserved, after it the truth is settled.

What could pass a limit is refused. Where no usage came back the reservation stays: nobody knows what was billed. All
agents share one `Budget`; it belongs to the event loop's thread.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from msgspec import Struct

from agents.model.prices import Price, Usage, affordable_output, cost, worst_cost
from agents.model.settings import Limits, Role

OUTPUT_TOKENS_MIN = 1024
"""An answer with less room than this is not worth its prompt."""
SECONDS_MIN = 1.0
"""An answer that must come sooner than this is not worth asking for."""


class BudgetSpent(Exception):
    """The next call could pass a limit. In: the sentence that says which."""


@dataclass(slots=True)
class Account:
    """What was spent, and what is reserved for calls that are under way."""

    usd: Decimal = Decimal(0)
    tokens: int = 0
    calls: int = 0
    seconds: float = 0.0
    held_usd: Decimal = Decimal(0)
    held_tokens: int = 0
    held_seconds: float = 0.0


class Reservation(Struct, frozen=True, kw_only=True):
    """Room for one call: the most that it may cost, how long its answer may be, and how long it may take."""

    role: Role
    price: Price
    usd: Decimal
    tokens: int
    output_tokens: int
    seconds: float = 0.0


class Spent(Struct, frozen=True, kw_only=True, rename="camel"):
    """What was spent so far, for reports. `kept_usd` of `usd` is what was reserved and never settled by a usage."""

    usd: str
    tokens: int
    calls: int
    seconds: float
    kept_usd: str


@dataclass
class Budget:
    """The session's budget and that of each role; `own` are the limits of roles that are not as the others."""

    session: Limits
    each: Limits
    own: Mapping[Role, Limits] = field(default_factory=dict)
    whole: Account = field(default_factory=Account)
    kept_usd: Decimal = Decimal(0)
    _roles: dict[Role, Account] = field(default_factory=dict)

    def account(self, role: Role) -> Account:
        """What a role spent."""
        return self._roles.setdefault(role, Account())

    def reserve(
        self, role: Role, price: Price, prompt_tokens: int, output_tokens: int, seconds: float = 0.0
    ) -> Reservation:
        """Reserve the worst case of a call, with a shorter answer where the full one cannot be paid.

        `prompt_tokens` is an upper bound, `seconds` how long the call would wait: less where others wait too and
        the limit is near. Raises BudgetSpent.
        """
        room, wait = output_tokens, seconds
        for account, limits, whose in self._books(role):
            if account.calls >= limits.calls:
                raise BudgetSpent(f"{limits.calls} calls {whose} were made")
            if account.seconds >= limits.seconds:
                raise BudgetSpent(f"{limits.seconds:g} s of waiting {whose} are over")
            wait = min(wait, limits.seconds - account.seconds - account.held_seconds)
            if wait < min(SECONDS_MIN, seconds):
                raise BudgetSpent(f"the next call could pass {limits.seconds:g} s of waiting {whose}")
            left_usd = limits.usd - account.usd - account.held_usd
            room = min(room, affordable_output(price, prompt_tokens, left_usd))
            if room < min(OUTPUT_TOKENS_MIN, output_tokens):
                raise BudgetSpent(f"the next call could pass {limits.usd:.2f} USD {whose}")
            room = min(room, limits.tokens - account.tokens - account.held_tokens - prompt_tokens)
            if room < min(OUTPUT_TOKENS_MIN, output_tokens):
                raise BudgetSpent(f"the next call could pass {limits.tokens} tokens {whose}")
        usd = worst_cost(price, prompt_tokens, room)
        held = Reservation(
            role=role, price=price, usd=usd, tokens=prompt_tokens + room, output_tokens=room, seconds=wait
        )
        for account, _, _ in self._books(role):
            account.held_usd += held.usd
            account.held_tokens += held.tokens
            account.held_seconds += held.seconds
            account.calls += 1
        return held

    def settle(self, held: Reservation, usage: Usage | None, seconds: float) -> Decimal:
        """Book what a call cost, or all that was reserved where no usage came; returns the USD."""
        usd = held.usd if usage is None else cost(held.price, usage)
        tokens = held.tokens if usage is None else usage.total
        if usage is None:
            self.kept_usd += usd
        for account, _, _ in self._books(held.role):
            account.held_usd -= held.usd
            account.held_tokens -= held.tokens
            account.held_seconds -= held.seconds
            account.usd += usd
            account.tokens += tokens
            account.seconds += seconds
        return usd

    def release(self, held: Reservation, seconds: float) -> None:
        """Book a call that the API refused before a model saw it: it took its time and nothing else."""
        for account, _, _ in self._books(held.role):
            account.held_usd -= held.usd
            account.held_tokens -= held.tokens
            account.held_seconds -= held.seconds
            account.seconds += seconds

    def remember(self, role: Role, usd: Decimal, tokens: int, seconds: float, *, kept: bool) -> None:
        """Book a call of the killed session that this one goes on with."""
        for account, _, _ in self._books(role):
            account.usd += usd
            account.tokens += tokens
            account.calls += 1
            account.seconds += seconds
        if kept:
            self.kept_usd += usd

    def spent(self) -> Spent:
        """The session's account."""
        return Spent(
            usd=str(self.whole.usd),
            tokens=self.whole.tokens,
            calls=self.whole.calls,
            seconds=round(self.whole.seconds, 3),
            kept_usd=str(self.kept_usd),
        )

    def _books(self, role: Role) -> tuple[tuple[Account, Limits, str], tuple[Account, Limits, str]]:
        limits = self.own.get(role, self.each)
        return (self.whole, self.session, "of this session"), (self.account(role), limits, f"of {role}")
