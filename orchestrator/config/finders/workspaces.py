"""Workspaces of npm, pnpm, yarn and bun: how all their `dev` scripts are run at once.

A root script `dev` that runs a tool for many processes comes first. Without one, pnpm and yarn (from version 2) do
it themselves; npm and yarn 1 would run one after the other, so there each package is a service with a command of its
own. A package that only compiles runs beside them and is no service: it never says that it is ready.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

import re2

from orchestrator.config.finders import concurrently
from orchestrator.config.finders.package import FILE, Package, manager, reached, yarn_is_classic
from orchestrator.config.finders.starts import Service, Starts, plain_name

_SCRIPTS = ("dev", "start")
_RUNNERS = frozenset(
    {"concurrently", "conc", "turbo", "lerna", "nx", "npm-run-all", "npm-run-all2", "run-p", "wsrun"}
)
_RUNS_SCRIPT = re2.compile(r"(?:npm|pnpm|yarn|bun) run ([\w:.-]+)|(?:pnpm|yarn) ([\w.-]+:[\w:.-]+)")
_COMPILERS = frozenset(
    {
        "tsc",
        "tsup",
        "tsdown",
        "rollup",
        "microbundle",
        "unbuild",
        "babel",
        "swc",
        "sass",
        "postcss",
        "tailwindcss",
    }
    | {"storybook", "graphql-codegen", "tspc", "ttsc", "esbuild", "parcel-watch"}
)
_MANAGERS = re2.compile(r"\b(?:pnpm|yarn|bun)\b")
_LEVELS_MAX = 3


def find(root: Path, package: Package, members: tuple[Package, ...]) -> Starts:
    """What the workspaces tell; empty where there are none, or none has a `dev` or `start` script."""
    program = manager(root)
    if members and _runner(package.scripts.get("dev", "")):
        return Starts(
            FILE,
            services_start=f"{program} run dev",
            prefixes=prefixes("dev", package, members),
            runs=reached("dev", package.scripts),
        )
    script = next((name for name in _SCRIPTS if any(name in member.scripts for member in members)), None)
    if script is None:
        return Starts(FILE)
    able = [member for member in members if script in member.scripts]
    if program == "pnpm":
        return Starts(FILE, services_start=f"pnpm -r --parallel run {script}", prefixes=_folders(able))
    if program == "yarn" and not yarn_is_classic(root):
        # Without -v the output has no prefixes; without -j half as many run as there are processors.
        command = f"yarn workspaces foreach --all -p -i -v -j {max(2, len(able))} run {script}"
        return Starts(FILE, services_start=command, prefixes=_packages(able))
    return _one_by_one(program, members)


def prefixes(script: str, package: Package, members: tuple[Package, ...]) -> Mapping[str, str]:
    """Service by prefix in the output of a script of the root."""
    text = package.scripts.get(script, "")
    for _ in range(_LEVELS_MAX):
        inner = _RUNS_SCRIPT.fullmatch(text.strip())
        if inner is None:
            break
        text = package.scripts.get(inner.group(1) or inner.group(2), "")
    runner = _runner(text)
    if runner in {"concurrently", "conc"}:
        return concurrently.prefixes(text, package.scripts, _packages(members))
    if runner is not None or _MANAGERS.search(text):
        return _packages(members) | _folders(members)
    return {}


def _runner(script: str) -> str | None:
    try:
        words = shlex.split(script)
    except ValueError:
        return None
    return next((name for word in words if (name := PurePosixPath(word).name) in _RUNNERS), None)


def _packages(members: list[Package] | tuple[Package, ...]) -> dict[str, str]:
    return {item.name: item.service for item in members if item.name is not None and item.service is not None}


def _folders(members: list[Package] | tuple[Package, ...]) -> dict[str, str]:
    return {item.folder: item.service for item in members if item.service is not None}


def _one_by_one(program: str, members: tuple[Package, ...]) -> Starts:
    services: dict[str, Service] = {}
    compilers: list[str] = []
    passed_over: list[str] = []
    for member in members:
        script = next((name for name in _SCRIPTS if name in member.scripts), None)
        if script is None:
            continue
        name = member.service
        if name in services:
            name = plain_name((member.name or member.folder).replace("/", "-").lstrip("@"))
        if name is None or name in services:
            passed_over.append(f"A workspace of {FILE} has no name that a service could have.")
            continue
        command, folder = _command(program, member, script)
        if _only_compiles(member.scripts[script]):
            compilers.append(command if folder is None else f"(cd {shlex.quote(folder)} && exec {command})")
        else:
            services[name] = Service(name, start=command, folder=folder)
    return Starts(
        FILE,
        services_start=" & ".join([*compilers, "wait"]) if compilers and services else None,
        services=tuple(services.values()),
        runs=tuple(text for member in members for name in _SCRIPTS if (text := member.scripts.get(name))),
        passed_over=tuple(dict.fromkeys(passed_over)),
    )


def _command(program: str, member: Package, script: str) -> tuple[str, str | None]:
    """The command that runs a package's script, and the folder where it has to run."""
    if program == "npm":
        return f"npm run {script} -w {shlex.quote(member.name or member.folder)}", None
    if program == "yarn" and member.name is not None:
        return f"yarn workspace {shlex.quote(member.name)} run {script}", None
    return f"{program} run {script}", member.folder


def _only_compiles(script: str) -> bool:
    try:
        words = [word for word in shlex.split(script) if "=" not in word and word not in {"npx", "cross-env"}]
    except ValueError:
        return False
    runs_more = any(word in {"&&", "||", ";", "&"} or word.startswith("--onSuccess") for word in words)
    return bool(words) and PurePosixPath(words[0]).name in _COMPILERS and not runs_more
