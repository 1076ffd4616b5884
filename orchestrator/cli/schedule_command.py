"""`schedule`: files that have a platform start `run --nightly`; printed, or written with `--to`."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from orchestrator.cli import boundary

_OURS = {"project": "--project", "jitter": "--jitter", "demo": "--demo", "demo_profile": "--demo-profile"}
"""Options of `run` that `schedule` has itself, or that make no night."""


Platform = Annotated[str, typer.Argument(metavar="PLATFORM", help="systemd, cron, github or kubernetes.")]
Arguments = Annotated[
    list[str] | None,
    typer.Argument(metavar="[-- OPTIONS OF RUN]", help="What run is called with beside --nightly."),
]
At = Annotated[str, typer.Option("--at", metavar="HH:MM", help="The time of day.")]
Zone = Annotated[
    str | None,
    typer.Option("--timezone", metavar="ZONE", help="Like Europe/Berlin; else the platform's own."),
]
Jitter = Annotated[str, typer.Option("--jitter", metavar="TIME", help="A random delay, at most so long.")]
Project = Annotated[
    Path | None, typer.Option("--project", metavar="DIR", help="The audited project (this folder).")
]
Name = Annotated[str, typer.Option("--name", metavar="NAME", help="Of unit, job and files.")]
RunAs = Annotated[
    str, typer.Option("--run-as", metavar="USER", help="systemd: a unit of the system, run as this user.")
]
Image = Annotated[str, typer.Option("--image", metavar="IMAGE", help="kubernetes: the image.")]
Source = Annotated[
    str,
    typer.Option("--source", metavar="OWNER/REPO@COMMIT", help="github: where streamgauge comes from."),
]
To = Annotated[
    Path | None, typer.Option("--to", metavar="DIR", help="Write the files there; else print them.")
]
Force = Annotated[bool, typer.Option("--force", help="Write over files that say something else.")]


def schedule(
    ctx: typer.Context,
    platform: Platform,
    arguments: Arguments = None,
    *,
    at: At = "02:17",
    timezone: Zone = None,
    jitter: Jitter = "15m",
    project: Project = None,
    name: Name = "",
    run_as: RunAs = "",
    image: Image = "",
    source: Source = "",
    to: To = None,
    force: Force = False,
) -> int:
    """Write what has a platform run a session every night: timer, cron line, workflow or CronJob.

    Nothing is installed; the files say in their first lines how that is done.
    """
    from orchestrator.cli.request import Request, read
    from orchestrator.nightly.schedule import files
    from orchestrator.nightly.wish import Wish, schedule_of

    words = tuple(arguments or ())
    given = _parsed(ctx, words)
    folder = (project or Path()).resolve()
    flags = {"session.duration": given.get("duration"), "session.hold": given.get("hold")}
    file = given.get("config")
    request = Request(folder, file if isinstance(file, Path) else None, flags, nightly=True)
    session = read(request, os.environ, folder, ctx.obj["state"]).config.session
    wish = Wish(
        platform=platform,
        at=at,
        zone=timezone,
        jitter=jitter,
        name=name,
        run_as=run_as,
        image=image,
        source=source,
        arguments=words,
    )
    made = files(platform, schedule_of(wish, folder, session.duration + session.hold))
    if to is None:
        several = len(made) > 1
        sys.stdout.write("\n".join(f"# {file.name}\n{file.text}" if several else file.text for file in made))
        return boundary.OK
    _write({to / file.name: file.text for file in made}, force=force)
    return boundary.OK


def _parsed(ctx: typer.Context, words: tuple[str, ...]) -> dict[str, object]:
    """The options of `run` as `run` itself reads them, so that a wrong one fails now and not at night."""
    from tools.errors import UsageError

    assert ctx.parent is not None
    group = ctx.parent.command
    run = group.get_command(ctx.parent, "run")  # type: ignore[attr-defined]  # the root is a group
    params: dict[str, object] = run.make_context("run", list(words), parent=ctx.parent).params
    for name, option in _OURS.items():
        if params.get(name):
            raise UsageError(f"{option} is no option behind --. Give it to schedule itself, or leave it out.")
    if params.get("session") or params.get("mode") == "replay" or params.get("resume"):
        raise UsageError("A night makes a session of its own. Leave --resume and replays out.")
    return params


def _write(texts: dict[Path, str], *, force: bool) -> None:
    from orchestrator.cli.terminal_text import clean
    from tools.errors import UsageError
    from tools.workspace import write_atomically

    try:
        for path, text in texts.items():
            if not force and path.exists() and path.read_bytes() != text.encode("utf-8"):
                raise UsageError(f"{path} says something else. Look at it, and give --force.")
        for path, text in texts.items():
            write_atomically(path, text.encode("utf-8"))
            sys.stdout.write(f"{clean(str(path))}\n")
    except OSError as error:
        raise UsageError(f"The files cannot be written: {error.strerror or error}.") from error
