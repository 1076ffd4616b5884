"""The records that close observability gaps A to E, as pydantic models: what an audited service should write."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

Timestamp = Annotated[
    str, Field(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$", description="ISO 8601, UTC, ms")
]
MessageId = Annotated[str, Field(pattern=r"^\d+-\d+$", description="the entry's id in its stream")]


class _Event(BaseModel):
    # Services may add fields of their own: these are the ones that others rely on.
    model_config = ConfigDict(extra="allow", alias_generator=to_camel, populate_by_name=True)


class Envelope(_Event):
    """A: fields of every stream entry."""

    correlation_id: str = Field(min_length=1, description="one business flow, passed on unchanged")
    trace_id: str = Field(min_length=1)
    span_id: str = Field(min_length=1, description="this step of the trace")
    origin_service: str = Field(min_length=1)
    published_at: str = Field(min_length=1, description="ms since the epoch, or ISO 8601")
    schema_version: str = Field(min_length=1)


class LogLine(_Event):
    """B: one structured log line."""

    level: Literal["FATAL", "ERROR", "WARN", "WARNING", "INFO", "DEBUG", "TRACE", "CRITICAL"]
    timestamp: Timestamp
    service: str = Field(min_length=1)
    message: str
    correlation_id: str | None = None
    trace_id: str | None = None
    event: str | None = None
    duration_ms: float | None = Field(default=None, ge=0)
    error: str | None = None


class _StreamEvent(LogLine):
    stream: str = Field(min_length=1)
    message_id: MessageId


class Publish(_StreamEvent):
    """C: an entry was added."""

    event: Literal["redis.publish"]
    payload_fields: tuple[str, ...] = Field(description="names only, never values")
    published_at: str = Field(min_length=1)


class Consume(_StreamEvent):
    """C: an entry was received."""

    event: Literal["redis.consume"]
    consumer: str = Field(min_length=1)
    received_at: str = Field(min_length=1)
    lag_ms: float = Field(ge=0, description="from publish to receipt")


class Ack(_StreamEvent):
    """C: an entry was acknowledged."""

    event: Literal["redis.ack"]
    processing_duration_ms: float = Field(ge=0)


class Failed(_StreamEvent):
    """C: handling an entry failed."""

    event: Literal["redis.failed"]
    error: str = Field(min_length=1)
    delivery_count: int = Field(ge=1)
    will_retry: bool


class ChannelHealth(LogLine):
    """D: how one consumer does, every 60 s; `avgLagMs` over 500 for long means look at capacity."""

    event: Literal["redis.channelHealth"]
    stream: str = Field(min_length=1)
    consumer: str = Field(min_length=1)
    messages_consumed_last_minute: int = Field(ge=0)
    avg_lag_ms: float = Field(ge=0)
    max_lag_ms: float = Field(ge=0)
    pending_count: int = Field(ge=0)
    errors_last_minute: int = Field(ge=0)


class Started(LogLine):
    """E: a service is ready."""

    event: Literal["service.started"]
    port: int | None = Field(default=None, ge=1, le=65535)
    subscribed_streams: tuple[str, ...]
    published_streams: tuple[str, ...]
    consumer_groups: tuple[str, ...]


class Shutdown(LogLine):
    """E: a service ends."""

    event: Literal["service.shutdown"]
    reason: str = Field(min_length=1)
    pending_messages: int = Field(ge=0)


EVENTS: dict[str, type[BaseModel]] = {
    "envelope": Envelope,
    "log-line": LogLine,
    "redis.publish": Publish,
    "redis.consume": Consume,
    "redis.ack": Ack,
    "redis.failed": Failed,
    "redis.channelHealth": ChannelHealth,
    "service.started": Started,
    "service.shutdown": Shutdown,
}
"""File name (without `.schema.json`) → model."""
