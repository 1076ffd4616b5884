"""Log lines that the owners expect: with a reason, and until a day on which they look at it again."""

from __future__ import annotations

from datetime import UTC, date, datetime
from fnmatch import fnmatchcase
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator


def _one_line(text: str) -> str:
    return " ".join(text.split())


class ExpectedLines(BaseModel):
    """One `[[logs.expected]]`: lines of `service` (a glob; all where it is not set) that are no findings up to `until`.

    `template` is one template, word for word as the report shows it; `text` stands anywhere in a line.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    service: str | None = Field(default=None, min_length=1, description="a glob; else every service")
    template: Annotated[str, AfterValidator(_one_line)] | None = Field(
        default=None, min_length=1, description="as the report shows it"
    )
    text: str | None = Field(default=None, min_length=4, description="words in the line")
    reason: str = Field(min_length=1, description="why the lines are expected")
    until: date = Field(description="the last day on which they are (UTC)")

    @model_validator(mode="after")
    def _one_of_two(self) -> Self:
        if (self.template is None) == (self.text is None):
            raise ValueError(
                "give exactly one of template (as the report shows it) and text (words in the line)"
            )
        return self

    def matches(self, service: str, template: str, text: str) -> bool:
        """Whether a line of this service, template and text is meant, in force or not."""
        if self.service is not None and not fnmatchcase(service, self.service):
            return False
        return self.template == template if self.text is None else self.text in text

    def holds(self, at_ms: int) -> bool:
        """Whether it is in force at a moment, in ms since the epoch."""
        return datetime.fromtimestamp(at_ms / 1000, tz=UTC).date() <= self.until

    @property
    def what(self) -> str:
        """What it names: the template, or the text in quotes."""
        return self.template or f'"{self.text}"'
