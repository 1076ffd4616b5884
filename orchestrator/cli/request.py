"""From flags to a configuration and a mode: what `run`, `plan` and `doctor` have in common."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from orchestrator.cli.boundary import StateFolder
from orchestrator.config import accepted, nightly
from orchestrator.config.detect import ensure_something, with_logs
from orchestrator.config.load import FILE_NAME, NO_PROFILE, Profile, load
from orchestrator.config.loaded import LoadedConfig
from orchestrator.config.mode import ModeDecision, decide, port_is_free
from orchestrator.config.model import Config, Mode
from orchestrator.session.earlier import NOTHING_BESIDE, Beside, store_of
from tools.errors import UsageError
from tools.sources.change import ChangeBase

_DEMO_OWNS = ("project.root", "redis.url")
_DEMO_VARIABLES = ("STREAMGAUGE_PROJECT_", "STREAMGAUGE_REDIS_", "STREAMGAUGE_SERVICES_", "REDIS_URL")


@dataclass(frozen=True, slots=True)
class Request:
    """What was typed. `flags` are settings by dotted name, None = not given; `demo` is a profile.

    `diff_base` is the revision that a change is compared with, `baseline` the earlier session (None: the last).
    `nightly` asks for the settings of unattended sessions where nobody gave others.
    """

    project: Path | None = None
    config_file: Path | None = None
    flags: Mapping[str, object] = field(default_factory=dict)
    demo: str | None = None
    resume: bool = False
    diff_base: str | None = None
    baseline: str | None = None
    nightly: bool = False

    @property
    def profile(self) -> Profile:
        """What holds where nobody gave a setting."""
        return Profile("--nightly", nightly.PROFILE) if self.nightly else NO_PROFILE


@dataclass(frozen=True, slots=True)
class Resolved:
    """What is to be done: the configuration and the kind of session."""

    loaded: LoadedConfig
    decision: ModeDecision


def read(request: Request, environ: Mapping[str, str], cwd: Path, state: StateFolder) -> LoadedConfig:
    """The configuration. Raises UsageError, ConfigError."""
    loaded = _load_demo(request, environ, cwd) if request.demo else _load(request, environ, cwd)
    state.path = loaded.config.output.state_folder
    return loaded


def resolve(
    request: Request,
    environ: Mapping[str, str],
    cwd: Path,
    state: StateFolder,
    *,
    before_mode: Callable[[Config], None] = lambda _: None,
) -> Resolved:
    """The configuration and the mode that follows from it. Raises UsageError, ConfigError.

    `before_mode` is done before anybody looks whether the server's port is free.
    """
    loaded = read(request, environ, cwd, state)
    ensure_something(loaded, cwd)
    if request.resume:
        decision = _mode_of_session(loaded)
    else:
        before_mode(loaded.config)
        decision = decide(loaded.config, port_is_free=port_is_free, holder=_holder())
    # A managed session captures the output itself; the same lines from a file would count twice.
    return Resolved(with_logs(loaded) if decision.mode is Mode.ATTACH else loaded, decision)


def check_change(request: Request, decision: ModeDecision) -> None:
    """Raises UsageError where a change is asked for and this session cannot be about one."""
    if request.diff_base is None:
        return
    if request.resume:
        raise UsageError("A session that goes on knows what it is compared with. Leave --diff-base out.")
    if request.demo:
        raise UsageError("The demo has no history to compare with. Leave --diff-base or --demo out.")
    if decision.mode is not Mode.STATIC:
        raise UsageError("--diff-base reports what a change brings to the code. Use it with --mode static.")


def change_of(request: Request, resolved: Resolved) -> ChangeBase | None:
    """What the change under review is compared with; None where nobody asked. Raises UsageError."""
    check_change(request, resolved.decision)
    if request.diff_base is None:
        return None
    from tools.sources.git import Repository

    return Repository(resolved.loaded.config.project.root).base_of(request.diff_base)


def beside_of(request: Request, resolved: Resolved, now_ms: int) -> Beside:
    """The earlier session that is named, and what is accepted. Raises UsageError, ConfigError."""
    config = resolved.loaded.config
    if request.resume:
        if request.baseline is not None:
            raise UsageError("A session that goes on knows what it is compared with. Leave --baseline out.")
        return NOTHING_BESIDE
    if request.baseline is not None and request.diff_base is not None:
        raise UsageError("--diff-base compares with a revision, --baseline with a session. Give one of them.")
    acceptances = accepted.read(config.project.root)
    if request.baseline in {None, "last"}:
        return Beside(acceptances=acceptances)
    kept = store_of(config.output.state_folder)
    from orchestrator.cli.diff import record_of

    named = record_of(str(request.baseline), kept, config.output.workspace, now_ms)
    return Beside(named, acceptances)


def _load(request: Request, environ: Mapping[str, str], cwd: Path) -> LoadedConfig:
    return load(
        project=request.project,
        config_file=request.config_file,
        environ=environ,
        flags=request.flags,
        cwd=cwd,
        profile=request.profile,
    )


def _load_demo(request: Request, environ: Mapping[str, str], cwd: Path) -> LoadedConfig:
    """The bundled fleet on its own server: nothing in the environment may point it elsewhere."""
    from orchestrator import demo

    taken = [name for name in _DEMO_OWNS if request.flags.get(name) is not None]
    if request.project or request.config_file or taken:
        raise UsageError("--demo audits the bundled example; leave --project, --config and --redis-url out.")
    own = {name: value for name, value in environ.items() if not name.startswith(_DEMO_VARIABLES)}
    # The folder's own configuration says nothing about the demo: an empty one stands in for it.
    plain = load(project=None, config_file=Path(os.devnull), environ=own, flags=request.flags, cwd=cwd)
    folder = demo.folder(str(request.demo), plain.config.output.state_folder)
    # A session that goes on finds its copy where it lies.
    file = folder / FILE_NAME if request.resume else demo.prepare(folder, port_is_free)
    return load(
        project=None, config_file=file, environ=own, flags=request.flags, cwd=cwd, profile=request.profile
    )


def _mode_of_session(loaded: LoadedConfig) -> ModeDecision:
    """The mode of the session that the workspace holds: its own server may be what holds the port now."""
    import msgspec

    from tools.sources import session_facts
    from tools.workspace import Workspace

    workspace = Workspace(loaded.config.output.workspace)
    try:
        return ModeDecision(Mode(session_facts.read(workspace).mode), ("the session that goes on was so",))
    except (OSError, ValueError, msgspec.MsgspecError) as error:
        raise UsageError(
            f"{workspace.root} holds no session that could be resumed. Run without --resume."
        ) from error


def _holder() -> Callable[[int], str]:
    from orchestrator.keeper.owned import holder_of

    return holder_of
