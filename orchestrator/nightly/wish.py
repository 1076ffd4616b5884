"""What a user wants of a schedule, checked: the moment, the zone, the names. What is wrong is told before any night."""

from __future__ import annotations

import re
import sys
from pathlib import Path, PurePosixPath
from zoneinfo import ZoneInfo

from msgspec import Struct

from orchestrator.nightly.schedule import PLATFORMS, Schedule
from tools.errors import UsageError
from tools.quantities import parse_duration

_MOMENT = re.compile(r"([01]\d|2[0-3]):([0-5]\d)")
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,50}[a-z0-9])?")
"""What a CronJob may be called (52 characters, as its jobs get a suffix), and no unit, file or key minds."""
_USER = re.compile(r"[a-z_][a-z0-9_-]{0,31}")
_SOURCE = re.compile(r"[\w.-]+/[\w.-]+@[\w./-]+")
_IMAGE = re.compile(r"[a-z0-9][\w./:@-]*")


class Wish(Struct, frozen=True, kw_only=True):
    """The options as they were typed; "" and None where they were not."""

    platform: str
    at: str = "02:17"
    zone: str | None = None
    jitter: str = "15m"
    name: str = ""
    run_as: str = ""
    image: str = ""
    source: str = ""
    arguments: tuple[str, ...] = ()


def schedule_of(wish: Wish, folder: Path, window_s: float) -> Schedule:
    """The schedule of a project's folder, absolute. Raises UsageError."""
    if wish.platform not in PLATFORMS:
        raise UsageError(f"There is no platform {wish.platform!r}. Use one of {', '.join(PLATFORMS)}.")
    moment = _MOMENT.fullmatch(wish.at)
    if moment is None:
        raise UsageError(f"--at: {wish.at!r} is no time of day. Write it like 02:17.")
    for text in (str(folder), *wish.arguments):
        if any(ord(char) < 32 or ord(char) == 127 for char in text) or "\\" in text:
            raise UsageError(
                f"{text!r} holds a control character or a backslash, which platforms read differently. Leave it out."
            )
    if any("${{" in text for text in (*wish.arguments, str(folder))) and wish.platform == "github":
        raise UsageError("GitHub would take ${{ for an expression. Leave it out.")
    return Schedule(
        name=_name(wish, folder),
        hour=int(moment.group(1)),
        minute=int(moment.group(2)),
        zone=_zone(wish),
        jitter_s=_jitter_s(wish),
        window_s=window_s,
        program=program(),
        arguments=wish.arguments,
        folder=folder,
        inside=_inside(folder),
        run_as=_fitting("--run-as", wish.run_as, _USER, "a user's name"),
        image=_fitting("--image", wish.image, _IMAGE, "an image's name") or "streamgauge:latest",
        source=_fitting("--source", wish.source, _SOURCE, "like OWNER/REPOSITORY@COMMIT")
        or "OWNER/streamgauge@COMMIT",
    )


def program() -> tuple[str, ...]:
    """This very installation, by absolute paths: a timer has another PATH than its author."""
    script = Path(sys.executable).with_name("streamgauge")
    return (str(script),) if script.is_file() else (sys.executable, "-P", "-m", "orchestrator")


def _name(wish: Wish, folder: Path) -> str:
    if wish.name:
        return _fitting("--name", wish.name, _NAME, "lower-case letters, digits and - (at most 52)")
    slug = re.sub(r"[^a-z0-9]+", "-", folder.name.lower()).strip("-")[:40].strip("-")
    return f"streamgauge-{slug}" if slug else "streamgauge"


def _fitting(option: str, value: str, pattern: re.Pattern[str], wanted: str) -> str:
    if value and not pattern.fullmatch(value):
        raise UsageError(f"{option}: {value!r} is not {wanted}. Correct it.")
    return value


def _zone(wish: Wish) -> str | None:
    if wish.zone is None:
        return None
    if wish.platform == "cron":
        raise UsageError("cron goes by the machine's time zone. Leave --timezone out.")
    if wish.platform == "github" and wish.zone not in {"UTC", "Etc/UTC"}:
        raise UsageError("GitHub's schedules are in UTC. Leave --timezone out and give --at in UTC.")
    try:
        ZoneInfo(wish.zone)
    except (KeyError, OSError, ValueError) as error:
        raise UsageError(
            f"--timezone: there is no zone {wish.zone!r}. Write it like Europe/Berlin."
        ) from error
    return wish.zone


def _jitter_s(wish: Wish) -> float:
    try:
        seconds = parse_duration(wish.jitter)
    except ValueError as error:
        raise UsageError(f"--jitter: {error}.") from error
    if seconds > 86_400:
        raise UsageError("--jitter: a night has no more than 1d. Give less.")
    return float(round(seconds))


def _inside(folder: Path) -> PurePosixPath:
    """The folder below the root of its repository; without one it is the root."""
    root = next((place for place in (folder, *folder.parents) if (place / ".git").exists()), folder)
    return PurePosixPath(*folder.relative_to(root).parts)
