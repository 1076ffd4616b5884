"""The alert file as a model: receivers, one tree of routes, inhibitions, silences, a budget. Values only, no secrets."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from orchestrator.alerts.episodes import NAMES, Labels
from tools import masking
from tools.findings.model import Severity
from tools.quantities import Duration

_DEFAULT_WAIT_S, _DEFAULT_INTERVAL_S, _DEFAULT_REPEAT_S = 30.0, 300.0, 7 * 86_400.0
_DEFAULT_BUDGET = 20
_FOLDED = frozenset({"event", "severity", "category", "agent", "status"})
"""Labels whose values are words of ours: upper and lower case are the same."""
_AT_LEAST = ">="


class Kind(StrEnum):
    """What there is to tell of an episode."""

    NEW = "new"
    ESCALATED = "escalated"
    RESOLVED = "resolved"
    EASED = "eased"
    """It lasts, and is not any more what the route asks for."""


def _listed(value: object) -> object:
    return (value,) if isinstance(value, str) else value


Patterns = Annotated[tuple[str, ...], BeforeValidator(_listed)]
"""One glob or several, of which one must match."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Match(_Part):
    """What labels must be like; all that are named must match. `severity` also takes `>=high`."""

    event: Patterns = ()
    severity: Patterns = ()
    category: Patterns = ()
    agent: Patterns = ()
    service: Patterns = ()
    stream: Patterns = ()
    rule: Patterns = ()
    status: Patterns = ()
    cause: Patterns = ()
    project: Patterns = ()
    run: Patterns = ()

    @field_validator("severity")
    @classmethod
    def _known_severity(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for text in value:
            if text.removeprefix(_AT_LEAST).strip().upper() not in set(Severity):
                names = ", ".join(level.value.lower() for level in Severity)
                raise ValueError(f"{text!r} is no severity; use one of {names}, or >= before one")
        return value

    def holds(self, labels: Labels) -> bool:
        """Whether these labels match."""
        return all(
            any(_fits(name, pattern, labels) for pattern in getattr(self, name))
            for name in NAMES
            if getattr(self, name)
        )

    @property
    def is_any(self) -> bool:
        """Whether everything matches."""
        return not any(getattr(self, name) for name in NAMES)


def _fits(name: str, pattern: str, labels: Labels) -> bool:
    if name == "severity" and pattern.startswith(_AT_LEAST):
        return labels.severity.rank <= Severity(pattern.removeprefix(_AT_LEAST).strip().upper()).rank
    value = str(getattr(labels, name))
    if name in _FOLDED:
        return fnmatchcase(value.casefold(), pattern.casefold())
    return fnmatchcase(value, pattern)


class ConsoleChannel(_Part):
    """Lines on standard output."""


class SlackChannel(_Part):
    """A bot's token (threads, updates) or an incoming webhook, from the variables that are named."""

    channel: str = ""
    token_env: str = "SLACK_BOT_TOKEN"  # noqa: S105 - the name of a variable
    webhook_env: str = "SLACK_WEBHOOK_URL"
    api: str = "https://slack.com/api"


class EmailChannel(_Part):
    """SMTP. What is empty comes from SMTP_HOST, ALERT_EMAIL_FROM and ALERT_EMAIL_TO (several with commas)."""

    host: str = ""
    port: int = Field(default=587, ge=1, le=65_535)
    security: Literal["starttls", "tls", "none"] = "starttls"
    sender: str = ""
    to: Patterns = ()
    user_env: str = "SMTP_USER"
    password_env: str = "SMTP_PASSWORD"  # noqa: S105 - the name of a variable


class WebhookChannel(_Part):
    """A POST of JSON, signed with the secret that a variable holds."""

    url: str = ""
    url_env: str = ""
    secret_env: str = ""

    @model_validator(mode="after")
    def _one_address(self) -> WebhookChannel:
        if bool(self.url) == bool(self.url_env):
            raise ValueError("a webhook needs its address; give url, or url_env for a variable that holds it")
        if self.url and (masking.mask(self.url) != self.url or "@" in self.url.split("?")[0]):
            raise ValueError("the address holds a secret; put it into a variable and name that as url_env")
        return self


class PagerDutyChannel(_Part):
    """Events API v2, with the routing key that a variable holds."""

    routing_key_env: str = "PAGERDUTY_ROUTING_KEY"
    api: str = "https://events.pagerduty.com"


class Receiver(_Part):
    """Who is told: a name, and one channel."""

    name: str = Field(min_length=1)
    console: ConsoleChannel | None = None
    slack: SlackChannel | None = None
    email: EmailChannel | None = None
    webhook: WebhookChannel | None = None
    pagerduty: PagerDutyChannel | None = None

    @model_validator(mode="after")
    def _one_channel(self) -> Receiver:
        given = [name for name in CHANNELS if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"a receiver has one channel; give one of {', '.join(CHANNELS)}")
        return self

    @property
    def kind(self) -> str:
        """The name of its channel."""
        return next(name for name in CHANNELS if getattr(self, name) is not None)


CHANNELS = ("console", "slack", "email", "webhook", "pagerduty")


class Route(_Part):
    """Where matching episodes go. What is not given is that of the route above.

    With `match_any`, one of those must match besides `match`: one route has one message for one root cause, two have two.
    """

    match: Match = Match()
    match_any: tuple[Match, ...] = ()
    receiver: str | None = None
    group_by: tuple[str, ...] | None = None
    group_wait: Duration | None = None
    group_interval: Duration | None = None
    repeat_interval: Duration | None = None
    notify_on: tuple[Literal["new", "escalated", "resolved"], ...] | None = None
    go_on: bool = Field(default=False, alias="continue")
    routes: tuple[Route, ...] = ()

    @field_validator("group_by")
    @classmethod
    def _known_labels(cls, value: tuple[str, ...] | None) -> tuple[str, ...] | None:
        for name in value or ():
            if name not in NAMES:
                raise ValueError(f"{name!r} is no label; use some of {', '.join(NAMES)}")
        return value

    @field_validator("match_any")
    @classmethod
    def _something_each(cls, value: tuple[Match, ...]) -> tuple[Match, ...]:
        if any(match.is_any for match in value):
            raise ValueError("one of them matches everything; name what each takes")
        return value

    def takes(self, labels: Labels) -> bool:
        """Whether an episode with these labels goes here, or below."""
        return self.match.holds(labels) and (
            not self.match_any or any(match.holds(labels) for match in self.match_any)
        )

    @property
    def takes_all(self) -> bool:
        """Whether every episode does."""
        return self.match.is_any and not self.match_any


class Inhibition(_Part):
    """While an episode matches `source`, those that match `target` and are equal in the labels named are not told."""

    source: Match
    target: Match
    equal: tuple[str, ...] = ()

    @field_validator("equal")
    @classmethod
    def _known_labels(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for name in value:
            if name not in NAMES:
                raise ValueError(f"{name!r} is no label; use some of {', '.join(NAMES)}")
        return value

    @model_validator(mode="after")
    def _something(self) -> Inhibition:
        if self.source.is_any:
            raise ValueError("its source matches everything; name what inhibits")
        return self


class Silence(_Part):
    """Matching episodes are not told until a moment, by whose word and why."""

    match: Match
    until: datetime
    author: str = Field(min_length=1)
    comment: str = Field(min_length=1)

    @model_validator(mode="after")
    def _not_all(self) -> Silence:
        if self.match.is_any:
            raise ValueError("it silences everything; name what is silenced")
        return self

    @property
    def until_ms(self) -> int:
        """The end, ms since the epoch; a moment without a zone is UTC."""
        moment = self.until if self.until.tzinfo else self.until.replace(tzinfo=UTC)
        return round(moment.timestamp() * 1000)


class Budget(_Part):
    """How much one receiver is told in any hour; what is beyond waits, and one message says so."""

    per_receiver_per_hour: int = Field(default=_DEFAULT_BUDGET, ge=1)


class AlertRules(_Part):
    """The file."""

    receivers: tuple[Receiver, ...] = Field(min_length=1)
    route: Route
    inhibit: tuple[Inhibition, ...] = ()
    silences: tuple[Silence, ...] = ()
    budget: Budget = Budget()


class Timing(_Part):
    """A route with everything that it takes over from above. `place` tells routes apart: `0.2` is the third below."""

    place: str
    receiver: str
    group_by: tuple[str, ...] = ("cause",)
    group_wait: float = _DEFAULT_WAIT_S
    group_interval: float = _DEFAULT_INTERVAL_S
    repeat_interval: float = _DEFAULT_REPEAT_S
    notify_on: tuple[str, ...] = ("new", "escalated", "resolved")


def whole(route: Route, above: Timing | None, place: str) -> Timing:
    """A route with what it takes over. Raises ValueError where no receiver is known."""
    values = {
        name: getattr(route, name)
        for name in ("receiver", "group_by", "group_wait", "group_interval", "repeat_interval", "notify_on")
        if getattr(route, name) is not None
    }
    if above is not None:
        return above.model_copy(update=values | {"place": place})
    if "receiver" not in values:
        raise ValueError("the first route has no receiver; every episode that no other takes goes there")
    return Timing(place=place, **values)


def routes_of(rules: AlertRules, labels: Labels) -> list[Timing]:
    """The routes that take an episode: the deepest that match, in order; after the first only those that go on."""
    return _taken(rules.route, None, "0", labels)


def _taken(route: Route, above: Timing | None, place: str, labels: Labels) -> list[Timing]:
    if not route.takes(labels):
        return []
    own = whole(route, above, place)
    found: list[Timing] = []
    for number, child in enumerate(route.routes):
        below = _taken(child, own, f"{place}.{number}", labels)
        found += below
        if below and not child.go_on:
            break
    return found or [own]


def every(route: Route, above: Timing | None = None, place: str = "0") -> list[tuple[Route, Timing]]:
    """All routes with what they take over, the first one first."""
    own = whole(route, above, place)
    found = [(route, own)]
    for number, child in enumerate(route.routes):
        found += every(child, own, f"{place}.{number}")
    return found
