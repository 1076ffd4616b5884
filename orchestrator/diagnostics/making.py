"""All pieces of a bundle, in the order in which they matter when time runs out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from orchestrator.config.loaded import LoadedConfig
from orchestrator.diagnostics import sources
from orchestrator.diagnostics.asking import Asked
from orchestrator.diagnostics.bundle import Bounds, Piece, Row, write
from tools import masking, struct_types
from tools.clock import Clock
from tools.errors import UsageError
from tools.functions.contract import Desk, Limits
from tools.functions.redis_desk import RedisDesk
from tools.workspace import workspace_at

_ANSWER_BYTES, _CALL_S = 200_000, 15.0
_NO_WORKFLOW = "no workflow API can be configured in this version"


@dataclass(frozen=True, slots=True)
class Order:
    """What is wanted: where the bundle goes, whether it holds values of entries, and what it may take in seconds."""

    path: Path
    values: bool
    seconds: float
    version: str


def make(order: Order, loaded: LoadedConfig, environ: Mapping[str, str], clock: Clock) -> list[Row]:
    """Make a bundle; what became of each piece. Raises UsageError."""
    config = loaded.config
    struct_types.prepare()  # pieces are made in threads, and one may be left behind
    _use_key(config.output.state_folder)
    url = config.redis.url
    redis = None if url is None else RedisDesk(url.get_secret_value(), clock, config.redis.databases)
    limits = Limits(seconds=_CALL_S, answer_bytes=_ANSWER_BYTES)
    desk = Desk(
        workspace_at(config.output.workspace), config.project.root, redis, clock, limits, dict(environ)
    )
    head = f"Project {config.project.root.name}. " + (
        "Newest entries of streams are in it, because --values asked for them."
        if order.values
        else "Redis was asked for no value of any key; the session's report and logs quote what they quote."
    )
    try:
        bounds = Bounds(order.seconds, sources.secrets_of(loaded, environ))
        return write(order.path, masking.mask(head), _pieces(order, loaded, environ, desk), bounds, clock)
    finally:
        if redis is not None:
            redis.close("The bundle is made.")


def _pieces(order: Order, loaded: LoadedConfig, environ: Mapping[str, str], desk: Desk) -> Iterator[Piece]:
    output = loaded.config.output
    places = {"project": loaded.config.project.root, "workspace": output.workspace, "state": output.state_db}
    yield from sources.of_us(loaded, environ, order.version)
    yield from sources.of_host(places)
    yield from sources.of_runs(output.state_db)
    yield from sources.of_session(desk.workspace)
    yield from Asked(desk, order.values).pieces()
    yield Piece("workflows", "status of workflows", _no_workflow)
    yield from sources.of_logs(loaded, desk.workspace)


def _no_workflow() -> str:
    raise ValueError(_NO_WORKFLOW)


def _use_key(state_folder: Path) -> None:
    """Mask as sessions of this project do, so that a fingerprint here is the one in their reports."""
    path = state_folder / "mask.key"
    try:
        masking.use_key(masking.load_key(path) if path.exists() else None)
    except OSError as error:
        raise UsageError(f"The masking key {path} cannot be read: {error.strerror or error}.") from error
