"""The model's client: the only importer of the model's SDK, and the only way to the API.

One client serves all roles of a session. Each attempt goes through the breaker, the budget and the masking of
`model/wire.py`, and is written to the role's transcript before and after. Whatever the API or the SDK does, the
caller sees a `Reply` or `ModelUnavailable`.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from decimal import Decimal
from types import ModuleType
from typing import Any

from agents.model import wire
from agents.model.breaker import Breaker
from agents.model.budget import Budget, BudgetSpent, Reservation
from agents.model.failure import CallFailed, Refusal, judge
from agents.model.messages import Ask, Block, ModelUnavailable, Reply, encodable
from agents.model.prices import Price, Usage, price_of
from agents.model.settings import ModelSettings
from agents.model.tracing import Span, Tracer
from agents.model.transcript import Begin, Call, Transcripts
from tools.clock import NEVER, Clock, iso
from tools.masking import mask

BACKOFF_S = 1.0
"""Before the second attempt; it doubles, and half of it is chance."""
WAIT_MAX_S = 30.0
"""A longer wait than this, even where the API asks for it, is a failed question."""
_ERROR_CHARS = 300


@dataclass
class ModelClient:
    """Answers of the API. `event` is told when the breaker opens and closes; `chance` spreads the retries."""

    settings: ModelSettings
    budget: Budget
    breaker: Breaker
    transcripts: Transcripts
    tracer: Tracer
    clock: Clock
    event: Callable[..., None]
    chance: random.Random = field(default_factory=random.Random)
    asked: int = field(default=0, init=False)
    failed: int = field(default=0, init=False)
    sdk: ModuleType | None = field(default=None, init=False)
    _calls: int = field(default=0, init=False)
    _api: Any = field(default=None, init=False)
    _loading: asyncio.Lock = field(default_factory=asyncio.Lock, init=False)

    async def ask(self, ask: Ask, within_s: float | None = None) -> Reply:
        """Ask until there is an answer, attempts run out or `within_s` seconds are over. Raises ModelUnavailable."""
        price = price_of(self.settings.models[ask.role], self.settings.prices)
        if price is None:
            raise ModelUnavailable("off", f"what {self.settings.models[ask.role]} costs is not known")
        until = self.clock.monotonic() + (self.settings.call_timeout_s if within_s is None else within_s)
        self.asked += 1
        for attempt in range(1, self.settings.attempts + 1):
            if not self.breaker.lets_through():
                raise ModelUnavailable("breaker", f"not asked for now: {self.breaker.reason}")
            try:
                reply = await self._attempt(ask, price, attempt, until)
            except CallFailed as failure:
                await self._after(failure, attempt, until)
            except (ModelUnavailable, asyncio.CancelledError):
                self.breaker.gave_up_trying()
                raise
            else:
                if self.breaker.succeeded():
                    self.event("model-breaker", state="closed", reason="the model answers again")
                return reply
        raise AssertionError("the last attempt raises")

    async def close(self) -> None:
        """Release connections, send what is left of the trace, close the transcripts."""
        if self._api is not None:
            with suppress(OSError, RuntimeError):
                await self._api.close()
        await asyncio.to_thread(self.tracer.close)
        with suppress(OSError):
            self.transcripts.close()

    async def _after(self, failure: CallFailed, attempt: int, until: float) -> None:
        """Wait for the next attempt, or raise ModelUnavailable where there is none."""
        pause = BACKOFF_S * 2 ** (attempt - 1) * (0.5 + self.chance.random() / 2)
        pause = max(pause, failure.wait_s or 0.0)
        now = self.clock.monotonic()
        last = attempt == self.settings.attempts or pause > WAIT_MAX_S or now + pause >= until
        # While the breaker lets one call try, that call does not try again.
        if failure.retry and not last and self.breaker.state == "closed":
            await self.clock.sleep_until_async(now + pause, NEVER)
            return
        self.failed += 1
        if self.breaker.failed(failure.reason, for_good=failure.for_good):
            self.event("model-breaker", state=self.breaker.state, reason=failure.reason)
        raise ModelUnavailable("failed", failure.reason) from failure

    async def _attempt(self, ask: Ask, price: Price, attempt: int, until: float) -> Reply:
        model, effort = self.settings.models[ask.role], self.settings.efforts[ask.role]
        body = wire.request(ask, model, effort, self.settings.output_tokens_max)
        prompt_tokens = wire.prompt_tokens_max(body)
        left = max(0.0, min(self.settings.call_timeout_s, until - self.clock.monotonic()))
        try:
            held = self.budget.reserve(ask.role, price, prompt_tokens, self.settings.output_tokens_max, left)
        except BudgetSpent as spent:
            raise ModelUnavailable("budget", str(spent)) from spent
        body["max_tokens"] = held.output_tokens
        return await _Call(self, ask, body, held, attempt, price, held.seconds).make()

    def next_id(self, ask: Ask) -> str:
        """A name for a call, which no other call of the session has."""
        self._calls += 1
        return f"{ask.conversation}/{self._calls}"

    async def connected(self) -> tuple[ModuleType, Any]:
        """The SDK and its client, made at the first call: importing it takes seconds, and not in the loop's thread."""
        async with self._loading:
            if self.sdk is None:
                self.sdk = await asyncio.to_thread(_load_sdk)
            if self._api is None:
                self._api = self.sdk.AsyncAnthropic(
                    api_key=self.settings.key.get_secret_value(),
                    base_url=self.settings.base_url,
                    max_retries=0,
                    timeout=self.settings.call_timeout_s,
                    # Never None: with it a variable of the environment has the SDK send what was asked and answered.
                    open_telemetry={} if self.settings.open_telemetry else False,
                )
            return self.sdk, self._api


def _load_sdk() -> ModuleType:
    import anthropic

    return anthropic


@dataclass
class _Call:
    """One attempt, from its reservation to its line in the transcript."""

    client: ModelClient
    ask: Ask
    body: wire.Request
    held: Reservation
    attempt: int
    price: Price
    within_s: float
    id: str = ""
    started: float = 0.0
    request_id: str | None = None

    async def make(self) -> Reply:
        """Send it. Raises CallFailed; a cancelled one keeps its reservation."""
        client = self.client
        self.id = client.next_id(self.ask)
        self.started = client.clock.monotonic()
        self._write_begin()
        span: Span = client.tracer.begin(self.ask, self.body)
        try:
            reply = await self._send()
        except CallFailed as failure:
            self._book(None, failure.reason, billed=failure.billed)
            span.end(None, failure.reason)
            raise
        except asyncio.CancelledError:
            self._book(None, "cancelled: the time for it was over", billed=True)
            span.end(None, "cancelled")
            raise
        usd = self._book(reply, None, billed=True)
        reply = replace(reply, usd=str(usd))
        span.end(reply, None)
        return reply

    async def _send(self) -> Reply:
        """The answer, whatever the SDK raises becoming CallFailed."""
        if self.within_s <= 0:
            raise CallFailed("there was no time left for it", retry=False, billed=False)
        try:
            await self.client.connected()  # importing the SDK takes seconds once, and is nobody's answer
            self.started = self.client.clock.monotonic()
            async with asyncio.timeout(self.within_s):
                return await self._stream()
        except CallFailed:
            raise
        except TimeoutError as error:
            raise CallFailed(f"no answer within {self.within_s:g} s", retry=True) from error
        except Exception as error:
            raise self._judged(error) from error

    async def _stream(self) -> Reply:
        sdk, api = await self.client.connected()
        sent = dict(self.body)
        config = sent["output_config"]
        if "format" in config:
            schema = sdk.transform_schema(config["format"]["schema"])
            sent["output_config"] = config | {"format": config["format"] | {"schema": schema}}
        async with api.messages.stream(**sent, timeout=self.within_s) as stream:
            self.request_id = stream.request_id
            message = await stream.get_final_message()
        if message.stop_reason is None:
            # A connection that ends early looks like an answer that is done.
            raise CallFailed("the stream ended before the answer did", retry=True)
        return Reply(
            model=str(message.model),
            content=tuple(_block(block) for block in message.content),
            stop_reason=str(message.stop_reason),
            usage=_usage(message.usage),
            usd="",
            at=iso(self.client.clock.now_ms()),
        )

    def _judged(self, error: Exception) -> CallFailed:
        sdk = self.client.sdk
        if sdk is not None and isinstance(error, sdk.APIStatusError):
            self.request_id = error.request_id
            return judge(
                Refusal(
                    status=error.status_code,
                    kind=error.type,
                    code=error.error_code,
                    said=mask(error.api_message or ""),
                    retry_after=error.response.headers.get("retry-after"),
                )
            )
        if sdk is not None and isinstance(error, sdk.APITimeoutError):
            return CallFailed(f"no answer within {self.within_s:g} s", retry=True)
        said = mask(" ".join(str(error).split()))[:_ERROR_CHARS]
        return CallFailed(f"the connection or the answer broke ({type(error).__name__}: {said})", retry=True)

    def _write_begin(self) -> None:
        client, held = self.client, self.held
        line = Begin(
            call=self.id,
            at=iso(client.clock.now_ms()),
            role=held.role,
            usd=str(held.usd),
            tokens=held.tokens,
        )
        self._write(line)

    def _book(self, reply: Reply | None, error: str | None, *, billed: bool) -> Decimal:
        """Settle the reservation and write the call to the transcript; returns the USD."""
        client, held, seconds = self.client, self.held, self.client.clock.monotonic() - self.started
        usage = None if reply is None else reply.usage
        if billed:
            usd = client.budget.settle(held, usage, seconds)
        else:
            client.budget.release(held, seconds)
            usd = Decimal(0)
        tokens = usage.total if usage is not None else held.tokens if billed else 0
        line = Call(
            call=self.id,
            at=iso(client.clock.now_ms()) if reply is None else reply.at,
            role=held.role,
            purpose=self.ask.purpose,
            prompt_version=self.ask.prompt,
            conversation=self.ask.conversation,
            attempt=self.attempt,
            model=str(self.body["model"]) if reply is None else reply.model,
            digest=wire.digest(self.body),
            asked=client.transcripts.news(self.ask, self.body),
            usage=usage,
            usd=str(usd),
            tokens=tokens,
            kept=billed and usage is None,
            price_as_of=self.price.as_of.isoformat(),
            latency_ms=round(seconds * 1000),
            stop_reason=None if reply is None else reply.stop_reason,
            request_id=self.request_id,
            content=() if reply is None else reply.content,
            error=error,
        )
        self._write(line)
        if reply is not None:
            client.transcripts.told(self.ask)
        return usd

    def _write(self, line: Begin | Call) -> None:
        try:
            self.client.transcripts.write(line)
        except OSError as error:
            self.client.event("error", reason=f"the model's transcript: {error.strerror or error}")


def _block(block: Any) -> Block:
    """A block as the API sent it, for the conversation to go on, and fit to be written and sent."""
    data: Block = encodable(block.model_dump(mode="python", exclude_unset=True))
    data.pop("parsed_output", None)
    return data


def _usage(usage: Any) -> Usage:
    written = usage.cache_creation_input_tokens or 0
    hour = usage.cache_creation.ephemeral_1h_input_tokens if usage.cache_creation is not None else 0
    return Usage(
        input=usage.input_tokens or 0,
        output=usage.output_tokens or 0,
        cache_write=written - hour,
        cache_write_1h=hour,
        cache_read=usage.cache_read_input_tokens or 0,
    )
