"""Put together a copy of the example fleet: faulty or healthy, with other names, on other ports.

The faulty fleet is `orderflow/` as it is. The healthy one is the same with the files of
`profiles/healthy/` laid over it; there a file named `<path>.absent` removes `<path>`. Renaming
replaces every service, stream, group and consumer by a made-up word, in paths and contents, so that
whatever is found in the copy was not found by its name. Uses the standard library only.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import shutil
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Literal

Profile = Literal["faulty", "healthy"]

HERE = Path(__file__).resolve().parent
ORDERFLOW = HERE / "orderflow"
HEALTHY = HERE / "profiles" / "healthy"
FAULTS = HERE / "orderflow-faults.toml"
ABSENT = ".absent"

SERVICES = (
    "gateway",
    "orders",
    "payments",
    "inventory",
    "shipping",
    "notifications",
    "analytics",
)
STREAMS = (
    "shop.orders.placed",
    "shop.orders.dlq",
    "shop.payments.requested",
    "shop.payments.settled",
    "shop.stock.requested",
    "shop.stock.reserved",
    "shop.stock.levels",
    "shop.parcels.labelled",
    "shop.web.clicks",
    "shop.audit.trail",
    "shop.legacy.coupons",
    "shop.loyalty.pilot",
)
STREAM_PREFIXES = ("shop.loyalty",)
GROUPS = (
    "intake-desk",
    "settle-desk",
    "card-desk",
    "stock-desk",
    "stock-cache",
    "label-desk",
    "parcel-mail",
    "click-board",
    "sales-board",
    "cohort-builder",
    "revenue-v1",
    "revenue-v2",
)
CONSUMERS = (
    "cache-1",
    "clerk-1",
    "clerk-2",
    "settler-1",
    "teller-1",
    "picker-1",
    "packer-1",
    "mailer-1",
    "sales-1",
    "clicks-1",
    "revenue-1",
    "cohort-1",
)

# What a reader may rightly conclude something from stays: the suffix of a dead-letter stream, the
# feature-flag value that completes a stream name, versions and numbers.
KEPT_SEGMENT = re.compile(r"dlq|pilot|v?\d+")
LEFT_BEHIND = {
    "__pycache__",
    "node_modules",
    ".run",
    "logs",
    "monitor-session",
    ".state",
    ".archive",
    ".ruff_cache",
    ".mypy_cache",
    ".pytest_cache",
}
REDIS_PORT = "6390"
GATEWAY_PORT = "3101"
NAMING_KEYS = {"entity", "stream", "group", "service", "file"}


def assemble(
    profile: Profile, target: Path, rename_seed: int | None = None, port: int | None = None
) -> dict[str, str]:
    """Copy the fleet to `target` and return what each of its names is called there.

    With `port` Redis is expected there and the gateway listens on the port after it.

    Raises:
        FileExistsError: `target` exists and is not empty.
    """
    if target.exists() and any(target.iterdir()):
        raise FileExistsError(f"{target} is not empty")
    files = fleet_files(profile)
    mapping = {name: name for name in all_names()}
    if rename_seed is not None:
        mapping = made_up_names(rename_seed, "\n".join(map(str, files)) + contents(files.values()))
    for path, source in files.items():
        copy = target / renamed(path.as_posix(), mapping)
        copy.parent.mkdir(parents=True, exist_ok=True)
        text = renamed(source.read_text(encoding="utf-8"), mapping)
        if port is not None:
            text = re.sub(rf"\b{REDIS_PORT}\b", str(port), text)
            text = re.sub(rf"\b{GATEWAY_PORT}\b", str(port + 1), text)
        copy.write_text(text, encoding="utf-8")
        shutil.copymode(source, copy)
    return mapping


def load_faults(mapping: dict[str, str] | None = None) -> list[dict[str, Any]]:
    """The faults of the faulty fleet, as they are called in a renamed copy."""
    text = FAULTS.read_text(encoding="utf-8")
    faults: list[dict[str, Any]] = tomllib.loads(text)["fault"]
    if mapping is None:
        return faults
    return [
        {key: renamed(value, mapping) if key in NAMING_KEYS else value for key, value in fault.items()}
        for fault in faults
    ]


def all_names() -> tuple[str, ...]:
    """Every name that renaming replaces."""
    return SERVICES + STREAMS + STREAM_PREFIXES + GROUPS + CONSUMERS


def fleet_files(profile: Profile) -> dict[Path, Path]:
    """The files of a profile: path inside the fleet to where it is copied from."""
    files = {path.relative_to(ORDERFLOW): path for path in project_files(ORDERFLOW)}
    if profile == "healthy":
        for path in project_files(HEALTHY):
            inside = path.relative_to(HEALTHY)
            if inside.name.endswith(ABSENT):
                del files[inside.with_name(inside.name.removesuffix(ABSENT))]
            else:
                files[inside] = path
    return files


def project_files(root: Path) -> Iterator[Path]:
    """The files under `root` in a stable order, without what runs leave behind."""
    for path in sorted(root.rglob("*")):
        parts = path.relative_to(root).parts
        if path.is_file() and not LEFT_BEHIND.intersection(parts):
            yield path


def contents(paths: Iterable[Path]) -> str:
    """All text of the files, lower case."""
    return "\n".join(path.read_text(encoding="utf-8") for path in paths).lower()


def made_up_names(seed: int, taken: str) -> dict[str, str]:
    """A new name for every name; equal segments stay equal, and no word occurs in `taken`."""
    rng = random.Random(seed)
    words: dict[str, str] = {}

    def word(segment: str) -> str:
        if KEPT_SEGMENT.fullmatch(segment):
            return segment
        while segment not in words:
            made_up = "".join(rng.choice("bdfgklmnprstvz") + rng.choice("aeiou") for _ in range(3))
            if made_up not in taken and made_up not in words.values():
                words[segment] = made_up
        return words[segment]

    return {
        name: "".join(part if part in ".-" else word(part) for part in re.split(r"([.-])", name))
        for name in all_names()
    }


def renamed(text: str, mapping: dict[str, str]) -> str:
    """The text with every name replaced, services also inside identifiers and in capitals."""
    spelled = dict(mapping)
    for service in SERVICES:
        spelled[service.capitalize()] = mapping[service].capitalize()
        spelled[service.upper()] = mapping[service].upper()
    names = sorted(spelled, key=len, reverse=True)
    services = [name for name in names if name.lower() in SERVICES]
    whole = [name for name in names if name not in services]
    pattern = rf"(?<![A-Za-z0-9_])(?:{'|'.join(map(re.escape, whole))})(?![A-Za-z0-9_])|{'|'.join(services)}"
    return re.sub(pattern, lambda match: spelled[match.group()], text)


def main() -> None:
    """Assemble a fleet from the command line and print its names as JSON."""
    parser = argparse.ArgumentParser(description="Put together a copy of the example fleet.")
    parser.add_argument("profile", choices=["faulty", "healthy"])
    parser.add_argument("target", type=Path)
    parser.add_argument("--rename-seed", type=int)
    parser.add_argument("--port", type=int)
    options = parser.parse_args()
    mapping = assemble(options.profile, options.target, options.rename_seed, options.port)
    print(json.dumps(mapping, indent=2))


if __name__ == "__main__":
    main()
