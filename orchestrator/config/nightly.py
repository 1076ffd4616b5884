"""`[nightly]`: what `run --nightly` adds to a session, and the settings that it takes where nobody gave any."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

from tools.quantities import Duration

PROFILE: Mapping[str, object] = MappingProxyType(
    {"fail_on": "new:high", "output.archive": True, "store.enabled": True, "alerts.file": "alerts.yaml"}
)
"""Below every other layer: a file, a variable or a flag wins. A path counts only where the file is there."""


class NightlySection(BaseModel):
    """`[nightly]`: counts with `run --nightly` alone, so that a session by hand pings nobody."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    ping_url: SecretStr | None = Field(
        default=None, description="a dead-man switch: asked at URL/start, then at URL or URL/fail"
    )
    ping_timeout: Duration = Field(default=10.0, gt=0, le=60, description="for one ping, with a second try")
    jitter: Duration = Field(
        default=0.0, le=86_400, description="wait a random part of this before it begins"
    )
    short_share: float = Field(
        default=0.5,
        ge=0,
        lt=1,
        description="of the usual length; a shorter session is told and pinged as failed",
    )

    @field_validator("ping_url")
    @classmethod
    def _is_an_address(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not is_address(value.get_secret_value()):
            raise ValueError("is no http:// or https:// address; copy it from the service that is pinged")
        return value


def is_address(url: str) -> bool:
    """Whether it can be pinged: http or https, a host, no blanks or control characters."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return False
    plain = url.isascii() and url.isprintable() and " " not in url
    return plain and parts.scheme in {"http", "https"} and bool(host)
