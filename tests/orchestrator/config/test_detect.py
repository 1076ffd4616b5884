"""Without a configuration the project's own files say what is started; each setting knows where it is from."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orchestrator.config.detect import ensure_something, with_logs
from orchestrator.config.load import load
from orchestrator.config.loaded import LoadedConfig
from orchestrator.config.mode import decide
from orchestrator.config.model import Mode
from tests.orchestrator.config.finders.projects import with_docker, write
from tools.errors import ConfigError, UsageError

Files = dict[str, str | bytes | dict[str, object]]

SCRIPTS: dict[str, object] = {
    "scripts": {
        "dev:redis:memory": "redis-server --port 6390 --save ''",
        "dev:redis:stop": "redis-cli -p 6390 shutdown",
        "dev:all": "concurrently -n orders,mail 'node orders.js' 'node mail.js'",
        "dev:stop": "pkill node",
    }
}
COMPOSE = """\
services:
  redis: {image: 'redis:7', ports: ['6391:6379']}
  web: {build: ., ports: ['3001:3000']}
"""
PROCFILE = "web: node web.js $PORT\nworker: node worker.js\n"
WORKSPACES: Files = {
    "package.json": {"workspaces": ["services/*"]},
    "services/orders/package.json": {"name": "@acme/orders", "scripts": {"dev": "node index.js"}},
}
NOWHERE = {"PATH": ""}


def found(
    folder: Path,
    files: Files | None = None,
    environ: Mapping[str, str] | None = None,
    **flags: object,
) -> LoadedConfig:
    write(folder, files or {})
    given_flags = {key.replace("__", "."): value for key, value in flags.items()}
    return load(
        project=None,
        config_file=None,
        environ=NOWHERE if environ is None else environ,
        flags=given_flags,
        cwd=folder,
    )


def url_of(loaded: LoadedConfig) -> str | None:
    url = loaded.config.redis.url
    return None if url is None else url.get_secret_value()


def free(_host: str, _port: int) -> bool:
    return True


def busy(_host: str, _port: int) -> bool:
    return False


def test_npm_scripts_start_and_stop_server_and_services(tmp_path: Path) -> None:
    loaded = found(tmp_path, {"package.json": SCRIPTS, "yarn.lock": ""})
    config = loaded.config
    assert url_of(loaded) == "redis://127.0.0.1:6390/0"
    assert (config.redis.start, config.redis.stop) == ("yarn run dev:redis:memory", "yarn run dev:redis:stop")
    assert (config.services.start, config.services.stop) == ("yarn run dev:all", "yarn run dev:stop")
    assert config.services.prefixes == {"orders": "orders", "mail": "mail"}
    assert config.services.expected == ()
    assert loaded.origins["services.start"] == "package.json"
    assert loaded.detected == (
        "the server's address, from package.json",
        "the server's start, from package.json: yarn run dev:redis:memory",
        "the services' start, from package.json: yarn run dev:all",
    )
    assert decide(config, port_is_free=free).mode is Mode.MANAGED


@pytest.mark.parametrize(
    ("lock", "manager"),
    [
        ("package-lock.json", "npm"),
        ("pnpm-lock.yaml", "pnpm"),
        ("yarn.lock", "yarn"),
        ("bun.lockb", "bun"),
        ("x", "npm"),
    ],
)
def test_the_lock_file_says_who_runs_scripts(tmp_path: Path, lock: str, manager: str) -> None:
    loaded = found(tmp_path, {"package.json": SCRIPTS, lock: ""})
    assert loaded.config.services.start == f"{manager} run dev:all"


def test_a_compose_file_starts_containers_and_waits_longer(tmp_path: Path) -> None:
    loaded = found(tmp_path, {"compose.yaml": COMPOSE}, with_docker(tmp_path))
    config = loaded.config
    assert url_of(loaded) == "redis://127.0.0.1:6391/0"
    assert re.fullmatch(
        r"docker compose -p streamgauge-[0-9a-f]{8} up -d --wait redis", config.redis.start or ""
    )
    assert config.services.expected == ()
    assert config.services.prefixes == {"web": "web"}
    assert config.services.list[0].port == 3001
    assert (config.redis.start_timeout, config.services.ready_timeout) == (120, 120)


def test_a_procfile_starts_each_service_and_the_embedded_server(tmp_path: Path) -> None:
    loaded = found(tmp_path, {"Procfile": PROCFILE, ".env": "TOKEN=x\n"})
    config = loaded.config
    assert url_of(loaded) == "redis://127.0.0.1:6379/0"
    assert config.redis.start == "embedded"
    assert [(entry.name, entry.start, entry.port, entry.env) for entry in config.services.list] == [
        ("web", "node web.js $PORT", 5000, {"PORT": "5000"}),
        ("worker", "node worker.js", None, {"PORT": "5100"}),
    ]
    assert config.services.env_file == tmp_path / ".env"
    assert loaded.origins["redis.url"] == "the default"
    assert "a start command for each of 2 services, from Procfile: web, worker" in loaded.detected


def test_workspaces_start_one_by_one(tmp_path: Path) -> None:
    loaded = found(tmp_path, WORKSPACES)
    assert [entry.start for entry in loaded.config.services.list] == ["npm run dev -w @acme/orders"]
    assert loaded.config.redis.start == "embedded"


ORDER: list[tuple[Files, str]] = [
    ({"package.json": SCRIPTS, "compose.yaml": COMPOSE, "Procfile": PROCFILE}, "package.json"),
    (WORKSPACES | {"compose.yaml": COMPOSE, "Procfile": PROCFILE}, "compose.yaml"),
    (WORKSPACES | {"Procfile": PROCFILE}, "Procfile"),
    (WORKSPACES, "package.json"),
]


@pytest.mark.parametrize(("files", "wanted"), ORDER, ids=["scripts", "compose", "Procfile", "workspaces"])
def test_scripts_come_before_compose_before_a_procfile_before_workspaces(
    tmp_path: Path, files: Files, wanted: str
) -> None:
    loaded = found(tmp_path, files, with_docker(tmp_path))
    started = {key: origin for key, origin in loaded.origins.items() if key.startswith("services.")}
    assert set(started.values()) == {wanted}


def test_a_server_of_the_compose_file_serves_what_others_start(tmp_path: Path) -> None:
    only_server = "services:\n  redis: {image: redis, ports: ['6391:6379']}\n"
    loaded = found(tmp_path, {"compose.yaml": only_server, "Procfile": PROCFILE}, with_docker(tmp_path))
    assert (loaded.config.redis.start or "").endswith("up -d --wait redis")
    assert url_of(loaded) == "redis://127.0.0.1:6391/0"


@pytest.mark.parametrize(
    ("files", "environ", "start"),
    [
        pytest.param({}, {}, "embedded", id="no address at all"),
        pytest.param({".env": "REDIS_URL=redis://localhost:7000/2\n"}, {}, "embedded", id="loopback"),
        pytest.param({}, {"REDIS_URL": "redis://prod:6379"}, None, id="another machine"),
        pytest.param(
            {}, {"REDIS_URL": "redis://:pw@127.0.0.1"}, None, id="a password, which ours would not take"
        ),
        pytest.param({}, {"REDIS_URL": "rediss://127.0.0.1"}, None, id="encrypted"),
        pytest.param({}, {"REDIS_URL": "unix:///run/redis.sock"}, None, id="a socket"),
        pytest.param(
            {"Procfile": "web: docker run -p 6379:6379 shop\n"}, {}, None, id="they may start one themselves"
        ),
        pytest.param(
            {"Procfile": "all: redis-server & node x.js\n"}, {}, None, id="they start one themselves"
        ),
    ],
)
def test_the_embedded_server_stands_in_only_where_it_can(
    tmp_path: Path, files: Files, environ: dict[str, str], start: str | None
) -> None:
    loaded = found(tmp_path, {"Procfile": PROCFILE} | files, NOWHERE | environ)
    assert loaded.config.redis.start == start
    assert loaded.config.services.has_start


def test_scripts_that_start_a_server_of_their_own_say_how_to_part_them(tmp_path: Path) -> None:
    scripts: dict[str, object] = {
        "dev:all": "run-p 'dev:parts:*'",
        "dev:parts:redis": "redis-server",
        "dev:parts:a": "x",
    }
    loaded = found(tmp_path, {"package.json": {"scripts": scripts}})
    assert loaded.config.redis.start is None
    assert any("seems to start a server too" in line for line in loaded.detected)


@pytest.mark.parametrize(
    ("environ", "port", "mode"),
    [
        pytest.param({}, free, Mode.MANAGED, id="a free port of this machine"),
        pytest.param({}, busy, Mode.ATTACH, id="a port that is taken"),
        pytest.param({"REDIS_URL": "redis://prod:6379"}, free, Mode.ATTACH, id="another machine"),
    ],
)
def test_start_commands_of_a_project_never_touch_what_runs(
    tmp_path: Path, environ: dict[str, str], port: object, mode: Mode
) -> None:
    loaded = found(tmp_path, {"package.json": SCRIPTS}, NOWHERE | environ)
    assert callable(port)
    assert decide(loaded.config, port_is_free=port).mode is mode


@pytest.mark.parametrize(
    ("flags", "environ"),
    [
        pytest.param({"redis__url": "redis://127.0.0.1:7000"}, {}, id="an address by flag"),
        pytest.param({}, {"STREAMGAUGE_REDIS_URL": "redis://127.0.0.1:7000"}, id="an address by variable"),
        pytest.param({"session__mode": "attach"}, {"REDIS_URL": "redis://127.0.0.1:7000"}, id="attach"),
        pytest.param({"session__mode": "static"}, {}, id="static"),
    ],
)
def test_what_is_told_to_look_at_starts_nothing(
    tmp_path: Path, flags: dict[str, str], environ: dict[str, str]
) -> None:
    config = found(tmp_path, {"package.json": SCRIPTS}, NOWHERE | environ, **flags).config
    assert not config.services.has_start
    assert config.redis.start is None
    assert decide(config, port_is_free=free).mode in {Mode.ATTACH, Mode.STATIC}


def test_an_address_that_is_given_serves_a_managed_session_that_is_asked_for(tmp_path: Path) -> None:
    loaded = found(
        tmp_path, {"package.json": SCRIPTS}, redis__url="redis://127.0.0.1:7000", session__mode="managed"
    )
    assert url_of(loaded) == "redis://127.0.0.1:7000"
    assert loaded.config.services.start == "npm run dev:all"


def test_the_name_of_a_container_is_the_port_that_is_published_for_it(tmp_path: Path) -> None:
    files: Files = {"compose.yaml": COMPOSE, ".env": "REDIS_URL=redis://user:hunter2hunter2@redis:6379/1\n"}
    loaded = found(tmp_path, files, with_docker(tmp_path))
    assert url_of(loaded) == "redis://user:hunter2hunter2@127.0.0.1:6391/1"
    assert "hunter2" not in str(loaded.detected)
    assert loaded.origins["redis.url"] == "REDIS_URL in .env and compose.yaml"


def test_a_configuration_file_is_all_there_is_to_a_project(tmp_path: Path) -> None:
    files: Files = {
        "streamgauge.toml": "[project]\n",
        "package.json": SCRIPTS,
        ".env": "REDIS_URL=redis://h\n",
    }
    loaded = found(tmp_path, files, {"REDIS_URL": "redis://env:1"})
    assert not loaded.config.services.has_start
    assert loaded.detected == ("the server's address, from REDIS_URL",)


def test_what_the_environment_sets_is_not_detected_over(tmp_path: Path) -> None:
    loaded = found(tmp_path, {"package.json": SCRIPTS}, {"STREAMGAUGE_SERVICES_START": "make up"})
    assert loaded.config.services.start == "make up"
    assert loaded.origins["services.start"] == "STREAMGAUGE_SERVICES_START"


def test_log_files_are_sources_of_a_session_that_attaches_and_of_no_other(tmp_path: Path) -> None:
    folder = tmp_path / "shop[1]"
    folder.mkdir()
    loaded = found(
        folder, {"Procfile": PROCFILE, "logs/web.log": "", "npm-debug.log": "", "a/logs/x.log": ""}
    )
    assert loaded.config.logs.sources == ()
    attached = with_logs(loaded)
    assert [(source.service, source.path) for source in attached.config.logs.sources] == [
        ("web", f"{tmp_path}/shop[[]1]/logs/web.log"),
        ("x", f"{tmp_path}/shop[[]1]/a/logs/x.log"),
    ]
    assert sum(line.startswith("log files: ") for line in attached.detected) == 2
    assert with_logs(attached) == attached


def test_what_an_earlier_session_kept_of_the_logs_is_no_log_of_the_project(tmp_path: Path) -> None:
    kept = {"monitor-session/SESSION_ID": "20250615_150640\n", "monitor-session/logs/merged.log": ""}
    attached = with_logs(found(tmp_path, {"Procfile": PROCFILE, "web/logs/x.log": "", **kept}))
    assert [source.service for source in attached.config.logs.sources] == ["x"]


@pytest.mark.parametrize(
    ("files", "said"),
    [
        pytest.param({}, "", id="nothing"),
        pytest.param({"package.json": "{"}, "package.json is not valid JSON (line 1).", id="broken scripts"),
        pytest.param({"package.json": {}}, "", id="no scripts"),
        pytest.param(
            {"Procfile": "nothing\n"}, "Line 1 of Procfile is no `name: command`", id="broken Procfile"
        ),
        pytest.param(
            {"compose.yaml": "services: {web: {build: .}}\n"},
            "compose.yaml has no Redis",
            id="compose without Redis",
        ),
        pytest.param({"logs/web.log": ""}, "", id="log files alone"),
    ],
)
def test_nothing_to_audit_is_refused_with_what_was_looked_for(
    tmp_path: Path, files: Files, said: str
) -> None:
    loaded = found(tmp_path, files)
    with pytest.raises(UsageError) as caught:
        ensure_something(loaded, tmp_path)
    text = str(caught.value)
    assert said in text
    for word in (
        "package.json",
        "compose",
        "Procfile",
        "workspaces",
        "REDIS_URL",
        "`streamgauge init`",
        "--demo",
    ):
        assert word in text
    assert "\n" not in text


def test_a_secret_in_a_command_is_in_no_line(tmp_path: Path) -> None:
    script: dict[str, object] = {"scripts": {"dev:redis:memory": "x"}}
    loaded = found(
        tmp_path, {"package.json": script, "Procfile": "web: API_TOKEN=hunter2hunter2 node x.js\n"}
    )
    assert "hunter2" not in json.dumps(loaded.detected)


def test_an_address_that_is_none_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"^REDIS_URL in \.env \(redis\.url\): is not a valid url"):
        found(tmp_path, {"Procfile": PROCFILE, ".env": "REDIS_URL=redis://h:port\n"})


NAMES = st.text(min_size=1, max_size=30)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(
    scripts=st.dictionaries(
        st.sampled_from(["dev:all", "dev", "start"]) | NAMES, NAMES | st.integers(), max_size=4
    ),
    name=NAMES,
    workspaces=st.lists(st.sampled_from(["services/*"]) | NAMES, max_size=3),
    procfile=st.text(max_size=60),
)
def test_whatever_a_project_holds_it_loads(
    tmp_path: Path, scripts: dict[str, object], name: str, workspaces: list[str], procfile: str
) -> None:
    files: Files = {
        "package.json": {"name": name, "scripts": scripts, "workspaces": workspaces},
        "services/a/package.json": {"name": name, "scripts": scripts},
        "services/b/package.json": {"name": name, "scripts": {"dev": "x"}},
        "Procfile": procfile.encode("utf-8", "replace"),
    }
    loaded = found(tmp_path, files)
    for entry in loaded.config.services.list:
        assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", entry.name)
    assert all(line.isprintable() for line in loaded.detected)
