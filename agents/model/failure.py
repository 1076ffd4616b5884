"""What a failed call means: whether another attempt may help, whether any will, and whether it can have been billed."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class CallFailed(Exception):
    """One attempt failed. `billed` is False only where the API refused the request before a model saw it.

    `for_good`: no later call will fare better (a refused key, a spend limit). `wait_s` is how long the API asks to wait.
    """

    reason: str
    retry: bool
    for_good: bool = False
    billed: bool = True
    wait_s: float | None = None

    def __str__(self) -> str:
        return self.reason


_FOR_GOOD = {401: "the API refuses the key", 402: "the account cannot pay", 403: "the key may not do this"}
_SPEND_LIMITS = frozenset({"enforced_spend_limit_reached", "contract_spend_limit_reached"})
_BUSY_TYPES = frozenset({"overloaded_error", "api_error", "timeout_error", "rate_limit_error"})
_RETRIED = frozenset({408, 409, 429})


@dataclass(frozen=True, slots=True)
class Refusal:
    """What the API said in place of an answer. `kind` and `code` are its own words for what is wrong."""

    status: int
    kind: str | None
    code: str | None
    said: str
    retry_after: str | None = None


def judge(refusal: Refusal) -> CallFailed:
    """What an error of the API means. Within a stream it comes under status 200, and its kind tells."""
    status = refusal.status
    reason = _FOR_GOOD.get(status, f"the API answers {refusal.kind or status}")
    if refusal.said:
        reason += f": {' '.join(refusal.said.split())[:200]}"
    if refusal.code in _SPEND_LIMITS:
        return CallFailed(f"the spend limit is reached ({reason})", retry=False, for_good=True, billed=False)
    return CallFailed(
        reason,
        retry=refusal.kind in _BUSY_TYPES or status in _RETRIED or status >= 500,
        for_good=status in _FOR_GOOD,
        # A request that is refused as such reaches no model. What fails later may have been billed.
        billed=not 400 <= status < 500,
        wait_s=_seconds(refusal.retry_after),
    )


def _seconds(header: str | None) -> float | None:
    try:
        return max(0.0, float(header)) if header is not None else None
    except ValueError:  # a date: our own backoff will do
        return None
