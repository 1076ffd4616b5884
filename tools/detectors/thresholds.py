"""Every limit that a rule uses, with its unit and its default (specification 2)."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from tools.detectors.expected_lines import ExpectedLines
from tools.quantities import Duration
from tools.sources.records import plain_name


class Limits(BaseModel):
    """The section `[thresholds]`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    consumer_lag: int = Field(default=100, ge=0, description="messages; above it CONSUMER_LAG")
    lag_recheck: Duration = Field(default=5.0, description="time before lag is counted again")
    time_lag: Duration = Field(
        default=0.5, description="id time lag; above it on time_lag_polls polls in a row"
    )
    time_lag_polls: int = Field(default=4, ge=1, description="polls in a row")
    growing_polls: int = Field(default=2, ge=1, description="STREAM_GROWING on more polls in a row than this")
    pending_idle: Duration = Field(default=30.0, description="pending longer than this is stuck")
    delivery_count: int = Field(default=3, ge=1, description="deliveries; above it DELIVERY_FAILURE")
    consumer_idle: Duration = Field(default=300.0, description="a consumer unseen for longer is not active")
    leaked_consumers: int = Field(
        default=20, ge=1, description="records of consumers that are gone, in one group"
    )
    leaked_idle: Duration = Field(default=3600.0, description="a consumer unseen for longer is gone")
    polling_reads: float = Field(
        default=20.0, gt=0, description="reads a second that give nothing and do not block"
    )
    pending_rising_polls: int = Field(default=3, ge=2, description="polls in a row that pending must rise")
    silence: Duration = Field(default=30.0, description="the shortest silence of a service that counts")
    silence_factor: float = Field(default=3.0, ge=1, description="times the service's own p99 gap")
    storm_count: int = Field(default=5, ge=2, description="the same failure line this often")
    storm_window: Duration = Field(default=5.0, description="within this time")
    restart_count: int = Field(default=3, ge=2, description="starts that make a restart loop CRITICAL")
    restart_window: Duration = Field(default=600.0, description="within this time")
    clock_backwards: Duration = Field(default=1.0, description="timestamps may go back by this much")
    memory_settling: Duration = Field(default=60.0, description="a younger process's memory is not judged")
    memory_samples: int = Field(default=10, ge=5, description="samples of memory that show a climb, at least")
    memory_span: Duration = Field(default=480.0, description="and the time that they cover, at least")
    memory_growth: float = Field(
        default=0.25, gt=0, description="growth of memory, as a share of where it began"
    )
    memory_growth_mb: int = Field(default=50, ge=0, description="growth of memory, MB (1,048,576 bytes)")
    memory_fall: float = Field(
        default=0.02, ge=0, lt=1, description="a fall from the highest, as a share, that is no fall"
    )


class Expectation(BaseModel):
    """One `[[expect]]`: what the owners intend for a stream, group or service (globs), and its own limits."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    stream: str | None = None
    group: str | None = None
    service: str | None = None
    no_group_ok: bool = False
    fan_out_ok: bool = False
    dead_letter: bool = False
    unbounded_ok: bool = False
    loss_ok: bool = Field(
        default=False, description="a group that may miss entries: only the newest count for it"
    )
    idle_ok: bool = Field(default=False, description="a group or service that may be quiet for long")
    memory_ok: bool = Field(default=False, description="a service whose memory may grow: a cache that fills")
    owner: str | None = None
    reason: str | None = None
    consumer_lag: int | None = Field(default=None, ge=0)
    time_lag: Duration | None = None
    pending_idle: Duration | None = None
    delivery_count: int | None = Field(default=None, ge=1)
    consumer_idle: Duration | None = None
    silence: Duration | None = None

    @model_validator(mode="after")
    def _names_something(self) -> Self:
        if self.stream is None and self.group is None and self.service is None:
            raise ValueError("name what it is about: stream, group or service (globs; '*' for all)")
        return self

    def matches(
        self, *, stream: str | None = None, group: str | None = None, service: str | None = None
    ) -> bool:
        """Whether every glob of this entry that is set matches the name given for it.

        That of a stream also without the mark of its database.
        """
        if stream is not None and self.stream is not None and not fnmatchcase(stream, self.stream):
            stream = plain_name(stream)
        pairs = ((self.stream, stream), (self.group, group), (self.service, service))
        set_pairs = [(glob, name) for glob, name in pairs if glob is not None]
        return bool(set_pairs) and all(
            name is not None and fnmatchcase(name, glob) for glob, name in set_pairs
        )


_OWN_LIMITS = ("consumer_lag", "time_lag", "pending_idle", "delivery_count", "consumer_idle", "silence")


class Judgement(BaseModel):
    """Limits and intent together: what a rule asks before it speaks."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    limits: Limits = Limits()
    expect: tuple[Expectation, ...] = ()
    expected_lines: tuple[ExpectedLines, ...] = ()

    def limits_for(
        self, *, stream: str | None = None, group: str | None = None, service: str | None = None
    ) -> Limits:
        """The limits for one entity: the defaults, overridden by each matching `[[expect]]` in order."""
        update: dict[str, object] = {}
        for entry in self.expect:
            if entry.matches(stream=stream, group=group, service=service):
                own = {name: getattr(entry, name) for name in _OWN_LIMITS}
                update |= {name: value for name, value in own.items() if value is not None}
        return self.limits.model_copy(update=update) if update else self.limits

    def allows(
        self,
        what: str,
        *,
        stream: str | None = None,
        group: str | None = None,
        service: str | None = None,
    ) -> bool:
        """Whether any matching `[[expect]]` sets the flag `what` (`no_group_ok`, `fan_out_ok`, …)."""
        return any(
            bool(getattr(entry, what))
            for entry in self.expect
            if entry.matches(stream=stream, group=group, service=service)
        )
