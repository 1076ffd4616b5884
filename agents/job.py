"""What a watcher is told when it starts. It arrives on standard input, so no secret is in argv or on disk."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, SecretStr

from tools.detectors.thresholds import Judgement
from tools.findings.model import AgentId

if TYPE_CHECKING:
    from tools.sources.redis.deployment import Deployment


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class RedisTarget(_Part):
    """How to reach what is audited, and which databases; the url may hold credentials, so it is a secret.

    `samples`: whether stream entries may be read to sample them.
    """

    url: SecretStr
    databases: Literal["all"] | tuple[int, ...] | None = None
    connect_timeout_s: float = 2.0
    command_timeout_s: float = 5.0
    cpu_share: float = 0.015
    """Of one core of the server, that polls may take."""
    samples: bool = True

    def deployment(self, name: str) -> Deployment:
        """What is audited, by connections of this name. Raises UsageError where the URL is not one."""
        # The client takes 20 MB, and half of the watchers ask no server.
        from tools.sources.redis.access import Access
        from tools.sources.redis.deployment import Deployment

        access = Access(self.connect_timeout_s, self.command_timeout_s, name)
        return Deployment(self.url.get_secret_value(), self.databases, access)


class LogSource(_Part):
    """Where lines of a service come from; exactly one of the four is set.

    `docker` is a container, `journald` a unit (`user/unit` for one of the user's own), `kubectl` a pod
    (`[namespace/][kind/]name[/container]`). `service` "*" takes the name from the file's stem, or from that of the
    container, unit or pod. `captured` marks a file that this session writes itself (already masked, read from its
    start); other files are read from their end.
    """

    service: str
    path: str | None = None
    docker: str | None = None
    journald: str | None = None
    kubectl: str | None = None
    captured: bool = False


class ServiceSpec(_Part):
    """What proves that a service's process lives; all may be unset."""

    name: str
    port: int | None = None
    pidfile: str | None = None
    unit: str | None = None
    container: str | None = None


class Window(_Part):
    """The session's clocks; wall times in ms since the epoch, lengths in seconds."""

    started_ms: int
    deadline_ms: int
    middle_ms: int
    poll_interval_s: float = 15.0
    heartbeat_s: float = 120.0
    restart_after_s: float = 180.0
    cross_agent_s: float = 60.0


class ChangeJob(_Part):
    """What a change is compared with: a folder with the files of its base, and globs of what is not compared."""

    base_root: Path
    exclude: tuple[str, ...] = ()


class MergedSpec(_Part):
    """`logs/merged.log`: whether it is written, at which size it is rotated, and how many older ones are kept."""

    enabled: bool = True
    size_bytes: int = 64 * 1024 * 1024
    keep: int = 3


class WatcherJob(_Part):
    """One watcher's whole job; the same object starts every attempt, with a higher `attempt`.

    `root_pids` are the roots of the process trees that this session started (managed mode). What docker, journald
    and kubectl give is read from `logs_since_ms` on; where that is None, from now on.
    """

    agent: AgentId | Literal["INDEXER"]
    attempt: int
    session_id: str
    mode: Literal["managed", "attach", "static"]
    workspace: Path
    project_root: Path
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    redis: RedisTarget | None = None
    logs: tuple[LogSource, ...] = ()
    logs_since_ms: int | None = None
    log_templates: tuple[tuple[str, str], ...] = ()
    """Services and templates of lines in which names vary, as earlier sessions saw."""
    merged: MergedSpec = MergedSpec()
    services: tuple[ServiceSpec, ...] = ()
    root_pids: tuple[int, ...] = ()
    judgement: Judgement = Judgement()
    window: Window
    mask_key: SecretStr | None = None
    code_cache: Path | None = None
    """Where indexes of the code are kept for later sessions; nowhere where it is None."""
    every_finding: bool = False
    """Whether rules about code and configuration tell all that they find, and not the first ones alone."""
    change: ChangeJob | None = None
    """Set where only what a change brings is reported (static mode)."""

    def encode(self) -> bytes:
        """JSON with the secrets in it: for the watcher's standard input only."""
        data = self.model_dump(mode="json")
        if self.redis is not None:
            data["redis"]["url"] = self.redis.url.get_secret_value()
        if self.mask_key is not None:
            data["mask_key"] = self.mask_key.get_secret_value()
        return json.dumps(data).encode()
