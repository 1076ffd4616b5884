"""Workspaces are started all at once, by whatever the project's package manager needs for that."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.config.finders import package, workspaces
from orchestrator.config.finders.starts import Service, Starts
from tests.orchestrator.config.finders.projects import write

Files = dict[str, str | bytes | dict[str, object]]


def member(name: str | None, dev: str | None = "node index.js", **scripts: str) -> dict[str, object]:
    named = {} if name is None else {"name": name}
    return {**named, "scripts": scripts if dev is None else {"dev": dev, **scripts}}


SERVICES: Files = {
    "services/orders/package.json": member("@acme/orders"),
    "services/gateway/package.json": member("api-gateway"),
}
ROOT: dict[str, object] = {"workspaces": ["services/*"]}
PACKAGES = {"@acme/orders": "orders", "api-gateway": "api-gateway"}
FOLDERS = {"services/orders": "orders", "services/gateway": "api-gateway"}


def found(folder: Path, files: Files) -> Starts:
    root = write(folder, files)
    known = package.read(root) or package.Package()
    return workspaces.find(root, known, package.members(root, known))


@pytest.mark.parametrize(
    ("runner", "prefixes"),
    [
        pytest.param("turbo run dev", PACKAGES | FOLDERS, id="turbo"),
        pytest.param("npx lerna run dev --stream", PACKAGES | FOLDERS, id="lerna"),
        pytest.param("nx run-many -t dev", PACKAGES | FOLDERS, id="nx"),
        pytest.param("run-p -l dev:*", PACKAGES | FOLDERS, id="npm-run-all"),
        pytest.param("concurrently 'npm run dev -w @acme/orders'", {"0": "orders"}, id="concurrently"),
    ],
)
def test_a_script_that_runs_a_tool_for_many_comes_first(
    tmp_path: Path, runner: str, prefixes: dict[str, str]
) -> None:
    starts = found(tmp_path, SERVICES | {"package.json": {**ROOT, "scripts": {"dev": runner}}})
    assert (starts.services_start, starts.services) == ("npm run dev", ())
    assert starts.prefixes == prefixes
    assert starts.expected == ()


def test_pnpm_runs_them_at_once(tmp_path: Path) -> None:
    starts = found(
        tmp_path, SERVICES | {"package.json": {}, "pnpm-workspace.yaml": "packages:\n  - services/*\n"}
    )
    assert starts.services_start == "pnpm -r --parallel run dev"
    assert starts.prefixes == FOLDERS


def test_yarn_runs_them_at_once_with_prefixes_and_all_of_them(tmp_path: Path) -> None:
    starts = found(tmp_path, SERVICES | {"package.json": ROOT, "yarn.lock": "__metadata:\n  version: 8\n"})
    assert starts.services_start == "yarn workspaces foreach --all -p -i -v -j 2 run dev"
    assert starts.prefixes == PACKAGES


@pytest.mark.parametrize(
    ("lock", "services"),
    [
        pytest.param(
            {"package-lock.json": "{}"},
            (
                Service("api-gateway", start="npm run dev -w api-gateway"),
                Service("orders", start="npm run dev -w @acme/orders"),
            ),
            id="npm",
        ),
        pytest.param(
            {"yarn.lock": "# yarn lockfile v1\n"},
            (
                Service("api-gateway", start="yarn workspace api-gateway run dev"),
                Service("orders", start="yarn workspace @acme/orders run dev"),
            ),
            id="yarn 1",
        ),
        pytest.param(
            {"bun.lock": ""},
            (
                Service("api-gateway", start="bun run dev", folder="services/gateway"),
                Service("orders", start="bun run dev", folder="services/orders"),
            ),
            id="bun",
        ),
    ],
)
def test_what_would_run_one_after_the_other_is_started_one_by_one(
    tmp_path: Path, lock: Files, services: tuple[Service, ...]
) -> None:
    starts = found(tmp_path, SERVICES | lock | {"package.json": ROOT})
    assert starts.services == services
    assert starts.services_start is None


def test_dev_comes_before_start_and_a_package_without_either_is_none(tmp_path: Path) -> None:
    files: Files = {
        "package.json": ROOT,
        "services/a/package.json": member("a", start="node a.js"),
        "services/b/package.json": member("b", None, start="node b.js"),
        "services/c/package.json": member("c", None, test="x"),
    }
    starts = found(tmp_path, files)
    assert [service.start for service in starts.services] == ["npm run dev -w a", "npm run start -w b"]


def test_what_only_compiles_runs_beside_the_services_and_is_none(tmp_path: Path) -> None:
    files: Files = {
        "package.json": {"workspaces": ["services/*", "packages/*"]},
        "packages/types/package.json": member("@acme/types", "tsc -w"),
        "packages/ui/package.json": member("ui", "npx tailwindcss --watch"),
        "packages/both/package.json": member("both", "tsc && node dist/index.js"),
        "services/orders/package.json": member("orders"),
    }
    starts = found(tmp_path, files)
    assert [service.name for service in starts.services] == ["both", "orders"]
    assert starts.services_start == "npm run dev -w @acme/types & npm run dev -w ui & wait"


@pytest.mark.parametrize(
    ("files", "names"),
    [
        pytest.param({"services/--help/package.json": member("--help")}, ["help"], id="like an option"),
        pytest.param({"services/a/package.json": member("a b;rm")}, ["a"], id="no package's name"),
        pytest.param({"services/a/package.json": member("\x1b[2J")}, ["a"], id="control characters"),
        pytest.param({"services/a/package.json": member("x" * 300)}, ["a"], id="absurd length"),
        pytest.param({"services/a b/package.json": member("ok")}, [], id="folder with a blank"),
        pytest.param({"services/a/package.json": "{"}, [], id="broken"),
        pytest.param({"services/a/package.json": "[]"}, [], id="no object"),
        pytest.param({"services/a/package.json": {"scripts": {"dev": 5}}}, [], id="script that is no text"),
        pytest.param(
            {"services/a/package.json": member("@x/api"), "services/b/package.json": member("@y/api")},
            ["api", "y-api"],
            id="one name in two scopes",
        ),
        pytest.param({"services/node_modules/a/package.json": member("a")}, [], id="a dependency"),
    ],
)
def test_names_are_made_safe_or_passed_over(tmp_path: Path, files: Files, names: list[str]) -> None:
    starts = found(tmp_path, files | {"package.json": {"workspaces": ["services/**"]}})
    assert [service.name for service in starts.services] == names


@pytest.mark.parametrize(
    "patterns",
    [
        ["/etc/*"],
        ["../*"],
        ["~/x"],
        [""],
        ["\0"],
        ["**" * 40],
        [5],
        "services/*",
        {"packages": 5},
        ["!services/*"],
    ],
)
def test_odd_globs_find_nothing_outside(tmp_path: Path, patterns: object) -> None:
    root = tmp_path / "inner"
    starts = found(
        root, SERVICES | {"package.json": {"workspaces": patterns}, "../other/package.json": member("other")}
    )
    assert {service.name for service in starts.services} <= {"orders", "api-gateway"}


def test_what_is_installed_is_not_walked_through(tmp_path: Path) -> None:
    files: Files = {f"a/node_modules/x{at:03}/package.json": member("x") for at in range(250)}
    files |= {"a/deep/er/package.json": member("deeper"), "package.json": {"workspaces": ["a/**"]}}
    assert [service.name for service in found(tmp_path, files).services] == ["deeper"]


def test_a_negated_glob_takes_packages_out(tmp_path: Path) -> None:
    starts = found(
        tmp_path, SERVICES | {"package.json": {"workspaces": {"packages": ["services/*", "!services/g*"]}}}
    )
    assert [service.name for service in starts.services] == ["orders"]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        pytest.param("{\n  'x'\n}", "package.json is not valid JSON (line 2)", id="broken"),
        pytest.param("[]", "package.json holds no object", id="list"),
        pytest.param(b"\xff", "package.json is not readable text", id="no text"),
        pytest.param("[" * 100_000, "package.json is not valid JSON", id="deep"),
    ],
)
def test_a_package_file_that_cannot_be_read_says_why(
    tmp_path: Path, content: str | bytes, problem: str
) -> None:
    found_package = package.read(write(tmp_path, {"package.json": content}))
    assert found_package is not None
    assert (found_package.problem or "").startswith(problem)
