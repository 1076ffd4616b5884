"""Order of the layers, and every mistake named with its place."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agents.job import ServiceSpec
from orchestrator.config.detect import ensure_something
from orchestrator.config.load import load
from orchestrator.config.loaded import LoadedConfig
from orchestrator.config.model import Mode
from orchestrator.config.settings import RESERVED_VARIABLES, variable
from tools.errors import ConfigError, UsageError

EXAMPLE = """\
[project]
root = "."
exclude = ["**/node_modules/**"]    # added to the built-in list
[redis]
url = "redis://127.0.0.1:6379/0"
start = "npm run dev:redis:memory"  # managed mode only
stop = "npm run dev:redis:stop"
[services]
start = "npm run dev:all"
stop = "npm run dev:stop"
expected = ["orders", "payments"]   # else learned from the output
ready_pattern = "listening|ready"
ready_timeout = "30s"
[[services.list]]
name = "orders"
port = 3001
[[logs.sources]]
service = "orders"
path = "logs/orders.log"
[session]
mode = "attach"
duration = "10m"
poll_interval = "15s"
[thresholds]
consumer_lag = 100
[[expect]]
stream = "audit:*"
consumer_lag = 10000
no_group_ok = true
[llm]
enabled = "auto"
max_cost_usd = 2.00
[output]
workspace = "monitor-session"
state_db = ".state/orchestration.db"
"""


def loaded(
    folder: Path,
    text: str | None = None,
    environ: Mapping[str, str] | None = None,
    *,
    flags: Mapping[str, object] | None = None,
    name: str = "streamgauge.toml",
) -> LoadedConfig:
    if text is not None:
        (folder / name).write_text(text, encoding="utf-8")
    return load(project=None, config_file=None, environ=environ or {}, flags=flags or {}, cwd=folder)


def test_the_example_of_the_documentation_loads_as_it_is(tmp_path: Path) -> None:
    config = loaded(tmp_path, EXAMPLE).config
    assert config.session.mode is Mode.ATTACH
    assert config.session.duration == 600
    assert config.services.list[0].port == 3001
    assert config.logs.sources[0].path == str(tmp_path / "logs/orders.log")
    assert config.expect[0].consumer_lag == 10_000
    assert config.output.workspace == tmp_path / "monitor-session"


def test_the_section_of_pyproject_is_read_with_its_own_lines(tmp_path: Path) -> None:
    text = '[project]\nname = "x"\n[tool.streamgauge.session]\nduration = "2m"\n'
    config = loaded(tmp_path, text, name="pyproject.toml")
    assert config.config.session.duration == 120
    assert config.origins["session.duration"] == "pyproject.toml:4"
    with pytest.raises(ConfigError, match=r"^pyproject\.toml:2: session\.durtion: unknown key"):
        loaded(tmp_path, '[tool.streamgauge.session]\ndurtion = "2m"\n', name="pyproject.toml")


def test_a_pyproject_of_someone_else_is_left_alone(tmp_path: Path) -> None:
    assert loaded(tmp_path, "[tool.other]\nx = 1\n", name="pyproject.toml").file is None
    assert loaded(tmp_path, "not [ toml", name="pyproject.toml").file is None


def test_the_file_of_its_own_comes_before_pyproject(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[tool.streamgauge]\nfail_on = "low"\n', encoding="utf-8")
    assert loaded(tmp_path, 'fail_on = "critical"\n').config.fail_on == "critical"


ERRORS = [
    pytest.param("[session\n", "streamgauge.toml:1: not valid TOML", id="syntax"),
    pytest.param("a = '''\n", "streamgauge.toml:2: not valid TOML", id="syntax at the end"),
    pytest.param(
        "[sesion]\n", "streamgauge.toml:1: sesion: unknown key. Did you mean 'session'?", id="section"
    ),
    pytest.param(
        "\n[redis]\nulr = 'x'\n", "streamgauge.toml:3: redis.ulr: unknown key. Did you mean 'url'?", id="key"
    ),
    pytest.param(
        "[redis]\nduration = '3m'\n",
        "streamgauge.toml:2: redis.duration: unknown key. Did you mean session.duration?",
        id="key of another section",
    ),
    pytest.param(
        "[output]\nxyzzy = 1\n",
        "streamgauge.toml:2: output.xyzzy: unknown key. [output] knows: workspace, state_db",
        id="key like no other",
    ),
    pytest.param(
        "[thresholds]\nconsumer_lag = '100'\n",
        "streamgauge.toml:2: thresholds.consumer_lag: expected a whole number, got text",
        id="text for a number",
    ),
    pytest.param(
        "[thresholds]\nconsumer_lag = true\n",
        "streamgauge.toml:2: thresholds.consumer_lag: expected a whole number, got true or false",
        id="truth for a number",
    ),
    pytest.param(
        "[thresholds]\nconsumer_lag = -1\n",
        "consumer_lag: -1 is out of range. It should be greater",
        id="bound",
    ),
    pytest.param(
        "[[logs.expected]]\ntext = 'low stock'\nreason = 'x'\nuntil = 'soon'\n",
        "streamgauge.toml:4: logs.expected[0].until: 'soon' is no day. Write it like 2026-12-31",
        id="no day",
    ),
    pytest.param(
        "[[logs.expected]]\ntext = 'low stock'\nuntil = 2026-12-31\n",
        "streamgauge.toml:1: logs.expected[0].reason: is missing. Add it",
        id="no reason",
    ),
    pytest.param(
        "[[logs.expected]]\nreason = 'x'\nuntil = 2026-12-31\n",
        "streamgauge.toml:1: logs.expected[0]: give exactly one of template",
        id="nothing expected",
    ),
    pytest.param(
        "redis = 5\n", "streamgauge.toml:1: redis: expected a table, got a whole number", id="no table"
    ),
    pytest.param(
        "[services]\nexpected = 'a'\n", "services.expected: expected a list, got text", id="no list"
    ),
    pytest.param(
        "[session]\nduration = '10 minutes'\n",
        "streamgauge.toml:2: session.duration: '10 minutes' is not a duration. Write it like '90s'",
        id="duration",
    ),
    pytest.param("[session]\nduration = 0\n", "session.duration: 0 is out of range", id="no time at all"),
    pytest.param(
        "[session]\nmode = 'demo'\n", "session.mode: 'demo' is not a choice. Use managed", id="mode"
    ),
    pytest.param("[redis]\nurl = 'ftp://h'\n", "redis.url: does not begin with a scheme", id="scheme"),
    pytest.param(
        "[redis]\nurl = 'redis+sentinel://h'\n",
        "streamgauge.toml:2: redis.url: does not name the service",
        id="sentinel",
    ),
    pytest.param(
        "[redis]\nurl = 'redis://h:x/0'\n", "streamgauge.toml:2: redis.url: is not a valid url", id="port"
    ),
    pytest.param("[redis]\nurl = 'redis://h/zero'\n", "redis.url: the path after the port", id="database"),
    pytest.param("[redis]\nurl = 'unix://'\n", "redis.url: names no socket", id="socket"),
    pytest.param("[services]\nready_pattern = '('\n", "services.ready_pattern: not a regular", id="pattern"),
    pytest.param(
        "[[services.list]]\nport = 1\n", "streamgauge.toml:1: services.list[0].name: is missing", id="missing"
    ),
    pytest.param(
        "[[services.list]]\nname = 'a'\n[[services.list]]\nname = 'b'\nprot = 1\n",
        "streamgauge.toml:5: services.list[1].prot: unknown key. Did you mean 'port'?",
        id="key of a list's table",
    ),
    pytest.param(
        "[[services.list]]\nname = 'a'\n[[services.list]]\nname = 'a'\n",
        "streamgauge.toml:4: services.list[1].name: is the name of services.list[0] too. Rename one",
        id="one name twice",
    ),
    pytest.param(
        "[[services.list]]\nname = 'a'\nport = 70000\n",
        "streamgauge.toml:3: services.list[0].port: 70000 is out of range",
        id="no port",
    ),
    pytest.param(
        "[[services.list]]\nname = 'a'\nready_http = 'http://shop.example/health'\n",
        "streamgauge.toml:3: services.list[0].ready_http: is not on this machine. Write it like http://127",
        id="another machine",
    ),
    pytest.param(
        "[[services.list]]\nname = 'a'\nready_http = 'http://127.0.0.1.example/'\n",
        "ready_http: is not on this machine",
        id="another machine that looks like this one",
    ),
    pytest.param(
        "[[services.list]]\nname = 'a'\nready_http = 'ftp://127.0.0.1'\n",
        "ready_http: is no http:// or https:// url",
        id="not http",
    ),
    pytest.param(
        "[[services.list]]\nname = 'a'\nready_http = ''\n",
        "ready_http: is no http:// or https:// url",
        id="no address",
    ),
    pytest.param(
        "[[services.list]]\nname = 'a'\nready_http = 'http://localhost\\@shop.example'\n",
        "ready_http: is no http:// or https:// url",
        id="an address that parsers read differently",
    ),
    pytest.param(
        "[[services.list]]\nname = 'a'\nready_http = 'http://u:p@127.0.0.1/'\n",
        "ready_http: holds credentials",
        id="credentials for a ready signal",
    ),
    pytest.param(
        "[[services.list]]\nname = 'a'\nready_http = 'http://127.0.0.1:x/'\n",
        "ready_http: is not a valid url",
        id="port of a ready signal",
    ),
    pytest.param(
        "[[services.list]]\nname = 'a'\nready_stream = 's'\n",
        "streamgauge.toml:1: services.list[0]: ready_stream and ready_group belong together. Give both",
        id="half a ready signal",
    ),
    pytest.param(
        "[[services.list]]\nname = 'a'\nfolder = 'x'\n",
        "services.list[0]: folder, env and ready_alive belong to a start command. Give start, or remove them",
        id="a folder for nothing",
    ),
    pytest.param(
        "[[services.list]]\nname = 'a'\nstart = 'x'\nenv = { 'A-B' = 'hunter2' }\n",
        "streamgauge.toml:4: services.list[0].env: a name is no variable's. Use letters, digits and _",
        id="variable",
    ),
    pytest.param(
        "[[services.list]]\nname = 'a'\nstart = 'x'\nenv = { A = 1 }\n",
        "streamgauge.toml:4: services.list[0].env.A: expected text in quotes, got a whole number",
        id="variable that is no text",
    ),
    pytest.param(
        "[[services.list]]\nname = 'a'\nstart = 'x'\nenv = { A = \"\\u0000\" }\n",
        "services.list[0].env: a value holds a NUL. Remove it",
        id="variable that no process can have",
    ),
    pytest.param(
        "[services]\nprefixes = { 0 = 5 }\n",
        "streamgauge.toml:2: services.prefixes.0: expected text in quotes, got a whole number",
        id="prefix",
    ),
    pytest.param(
        "[services]\nprefixes = { 0 = '' }\n",
        "streamgauge.toml:2: services.prefixes: a prefix or a name is empty",
        id="prefix of nothing",
    ),
    pytest.param(
        "[[logs.sources]]\nservice = 'a'\n",
        "streamgauge.toml:1: logs.sources[0]: give exactly one of path, docker, journald, kubectl",
        id="no source",
    ),
    pytest.param(
        "[[logs.sources]]\nservice = 'a'\npath = 'x'\ncaptured = true\n",
        "`captured` is set by",
        id="internal",
    ),
    pytest.param(
        "[[logs.sources]]\nservice = 'a'\ndocker = '--help'\n",
        "streamgauge.toml:1: logs.sources[0]: docker: it is no container's name",
        id="an option for a name",
    ),
    pytest.param(
        "[llm]\nmodels = { synthesis = 'x' }\n",
        "llm.models: synthesis asks x, and what that costs",
        id="model",
    ),
    pytest.param("[llm]\nenabled = 'maybe'\n", "llm.enabled: 'maybe' is not a choice", id="model, maybe"),
    pytest.param("fail_on = 'terrible'\n", "fail_on: 'terrible' is not a choice", id="severity"),
    pytest.param(
        "[alerts]\nfile = 'a.yaml'\n[store]\nenabled = false\n",
        "streamgauge.toml:4: store.enabled: ",
        id="alerts",
    ),
    pytest.param("[project]\nroot = 'nowhere'\n", "streamgauge.toml:2: project.root: ", id="root"),
    pytest.param(
        "[output]\nworkspace = '.'\n", "streamgauge.toml:2: output.workspace: is the audited", id="workspace"
    ),
]


@pytest.mark.parametrize(("text", "message"), ERRORS)
def test_a_mistake_is_named_with_file_line_key_and_remedy(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        loaded(tmp_path, text)
    assert message in str(caught.value)
    assert caught.value.file == "streamgauge.toml"
    assert caught.value.line is not None
    assert caught.value.remedy


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        loaded(
            tmp_path,
            "[redis]\nulr = 1\n[session]\nduration = 'x'\n",
            {"STREAMGAUGE_SESION_MODE": "attach"},
            flags={"session.poll_interval": "y"},
        )
    assert [error.key for error in caught.value.errors] == [
        "STREAMGAUGE_SESION_MODE",
        "--poll-interval (session.poll_interval)",
        "redis.ulr",
        "session.duration",
    ]
    assert len(str(caught.value).splitlines()) == 4


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        pytest.param(
            "STREAMGAUGE_SESION_DURATION",
            "1m",
            "Did you mean STREAMGAUGE_SESSION_DURATION?",
            id="unknown name",
        ),
        pytest.param("STREAMGAUGE_EXPECT", "x", "a list of tables. Set it in streamgauge.toml", id="list"),
        pytest.param("STREAMGAUGE_SERVICES_PREFIXES", "orders", "expected a table, got text", id="table"),
        pytest.param("STREAMGAUGE_THRESHOLDS_CONSUMER_LAG", "many", "expected a whole number", id="number"),
        pytest.param("STREAMGAUGE_LLM_MODELS", "boss=x", "there is no role 'boss'", id="model"),
        pytest.param("STREAMGAUGE_REDIS_URL", "http://u:hunter2hunter2@h", "scheme", id="address"),
    ],
)
def test_a_wrong_variable_is_named(tmp_path: Path, name: str, value: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        loaded(tmp_path, None, {name: value})
    assert str(caught.value).startswith(name)
    assert message in str(caught.value)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("name", sorted(RESERVED_VARIABLES))
def test_variables_that_a_session_sets_are_no_settings(tmp_path: Path, name: str) -> None:
    loaded(tmp_path, None, {name: "x", "REDIS_URL": "redis://h"})


@pytest.mark.parametrize(
    "url", ["redis://user:hunter2hunter2@h:x/0", "http://:hunter2hunter2@h", "redis://:hunter2hunter2@h/zero"]
)
def test_a_password_is_in_no_message(tmp_path: Path, url: str) -> None:
    with pytest.raises(ConfigError) as caught:
        loaded(tmp_path, f"[redis]\nurl = '{url}'\nur = '{url}'\n")
    assert "hunter2" not in str(caught.value)
    assert "hunter2" not in repr(loaded(tmp_path, "[redis]\nurl = 'redis://:hunter2hunter2@h'\n"))


VALUES = {
    "session.duration": st.integers(1, 999).map(lambda seconds: f"{seconds}s"),
    "session.poll_interval": st.integers(1, 999).map(lambda seconds: f"{seconds}s"),
    "session.mode": st.sampled_from(["managed", "attach", "static"]),
    "redis.url": st.integers(1, 65535).map(lambda port: f"redis://h:{port}"),
    "fail_on": st.sampled_from(["critical", "high", "low", "never"]),
}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.data(), key=st.sampled_from(sorted(VALUES)))
def test_flags_override_variables_override_the_file(tmp_path: Path, data: st.DataObject, key: str) -> None:
    value = VALUES[key]
    in_file, in_environment, in_flags = (data.draw(st.none() | value) for _ in range(3))
    section, _, name = key.rpartition(".")
    text = f'[{section}]\n{name} = "{in_file}"\n' if section else f'{name} = "{in_file}"\n'
    environ = {variable(key): in_environment} if in_environment else {}
    config = loaded(tmp_path, text if in_file else "", environ, flags={key: in_flags})
    wanted = in_flags or in_environment or in_file
    origin = "--" if in_flags else "STREAMGAUGE_" if in_environment else "streamgauge.toml:"
    if wanted is None:
        assert key not in config.origins
        return
    assert config.origins[key].startswith(origin)
    alone = loaded(tmp_path, "", flags={key: wanted}).config
    assert config.config == alone


@pytest.mark.parametrize(
    ("name", "text", "attribute", "value"),
    [
        pytest.param("STREAMGAUGE_SESSION_DURATION", "90", "session.duration", 90.0, id="plain seconds"),
        pytest.param("STREAMGAUGE_THRESHOLDS_CONSUMER_LAG", "5", "thresholds.consumer_lag", 5, id="number"),
        pytest.param("STREAMGAUGE_REDIS_SAMPLES", "off", "redis.samples", False, id="plain truth"),
        pytest.param("STREAMGAUGE_LLM_ENABLED", "off", "llm.enabled", False, id="truth"),
        pytest.param("STREAMGAUGE_LLM_ENABLED", "auto", "llm.enabled", "auto", id="word"),
        pytest.param("STREAMGAUGE_SERVICES_EXPECTED", "a, b", "services.expected", ("a", "b"), id="list"),
        pytest.param(
            "STREAMGAUGE_SERVICES_PREFIXES",
            "0=gateway, 1 = orders",
            "services.prefixes",
            {"0": "gateway", "1": "orders"},
            id="table",
        ),
        pytest.param("STREAMGAUGE_SESSION_DURATION", "", "session.duration", 600.0, id="empty is not set"),
    ],
)
def test_a_variable_becomes_its_type(
    tmp_path: Path, name: str, text: str, attribute: str, value: object
) -> None:
    config = loaded(tmp_path, "", {name: text}).config
    section, key = attribute.split(".")
    assert getattr(getattr(config, section), key) == value


def test_paths_in_a_file_are_relative_to_it_and_typed_ones_to_the_current_folder(tmp_path: Path) -> None:
    shop, here = tmp_path / "shop[1]", tmp_path / "here"
    shop.mkdir()
    here.mkdir()
    (shop / "backend").mkdir()
    text = '[project]\nroot = "backend"\n[output]\nstate_db = "s.db"\n[[logs.sources]]\nservice = "*"\npath = "l/*.log"\n'
    (shop / "streamgauge.toml").write_text(text, encoding="utf-8")
    config = load(
        project=None,
        config_file=shop / "streamgauge.toml",
        environ={},
        flags={"output.workspace": "w"},
        cwd=here,
    ).config
    assert config.project.root == shop / "backend"
    assert config.output.state_db == shop / "s.db"
    assert config.output.workspace == here / "w"
    assert config.logs.sources[0].path == f"{tmp_path}/shop[[]1]/l/*.log"


def test_each_service_may_have_a_start_command_of_its_own(tmp_path: Path) -> None:
    text = (
        '[services]\nenv_file = "dev.env"\nprefixes = { "0" = "gateway" }\n[[services.list]]\nname = "orders"\n'
        'port = 3001\nstart = "node orders.js"\nfolder = "services/orders"\nenv = { TOKEN = "hunter2hunter2" }\n'
        'ready_http = "http://[::1]:3001/health"\nready_stream = "orders"\nready_group = "mail"\n'
    )
    config = loaded(tmp_path, text)
    services = config.config.services
    assert services.env_file == tmp_path / "dev.env"
    assert services.prefixes == {"0": "gateway"}
    entry = services.list[0]
    assert (entry.folder, entry.env) == (tmp_path / "services/orders", {"TOKEN": "hunter2hunter2"})
    assert "hunter2" not in repr(config)
    assert entry.spec() == ServiceSpec(name="orders", port=3001)
    assert type(entry.spec()) is ServiceSpec


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        pytest.param("", False, id="nothing"),
        pytest.param("[[services.list]]\nname = 'a'\nport = 1\n", False, id="a service that others start"),
        pytest.param("[services]\nstart = 'x'\n", True, id="one command for all"),
        pytest.param("[[services.list]]\nname = 'a'\nstart = 'x'\n", True, id="a service's own"),
    ],
)
def test_a_start_is_known_where_any_command_starts_a_service(
    tmp_path: Path, text: str, *, wanted: bool
) -> None:
    assert loaded(tmp_path, text).config.services.has_start is wanted


def test_the_named_project_is_where_the_file_is_looked_for(tmp_path: Path) -> None:
    shop = tmp_path / "shop"
    shop.mkdir()
    (shop / "streamgauge.toml").write_text('fail_on = "low"\n', encoding="utf-8")
    found = load(project=Path("shop"), config_file=None, environ={}, flags={}, cwd=tmp_path)
    assert (found.file, found.config.project.root) == (shop / "streamgauge.toml", shop)
    assert found.config.output.workspace == tmp_path / "monitor-session"
    by_variable = load(
        project=None, config_file=None, environ={"STREAMGAUGE_PROJECT_ROOT": "shop"}, flags={}, cwd=tmp_path
    )
    assert by_variable.config == found.config


def test_a_file_that_is_not_there_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"^x\.toml: no such file\. Check --config"):
        load(project=None, config_file=Path("x.toml"), environ={}, flags={}, cwd=tmp_path)


def test_a_file_that_is_no_text_is_a_mistake(tmp_path: Path) -> None:
    (tmp_path / "streamgauge.toml").write_bytes(b"a = '\xff'\n")
    with pytest.raises(ConfigError, match="not UTF-8"):
        loaded(tmp_path)


class TestDetection:
    """REDIS_URL, where nothing else says it."""

    def test_the_environment_comes_before_the_env_file(self, tmp_path: Path) -> None:
        (tmp_path / ".env").write_text("REDIS_URL=redis://file:1\n", encoding="utf-8")
        found = loaded(tmp_path, None, {"REDIS_URL": "redis://env:1"})
        assert found.config.redis.url is not None
        assert found.config.redis.url.get_secret_value() == "redis://env:1"
        assert found.origins["redis.url"] == "REDIS_URL"
        assert found.detected == ("the server's address, from REDIS_URL",)

    def test_the_env_file_counts_only_without_a_configuration(self, tmp_path: Path) -> None:
        (tmp_path / ".env").write_text('export REDIS_URL="redis://file:1"\n', encoding="utf-8")
        assert loaded(tmp_path).origins["redis.url"] == "REDIS_URL in .env"
        assert loaded(tmp_path, "[project]\n").config.redis.url is None

    def test_what_is_configured_comes_first(self, tmp_path: Path) -> None:
        found = loaded(tmp_path, "[redis]\nurl = 'redis://own'\n", {"REDIS_URL": "redis://env"})
        assert found.config.redis.url is not None
        assert found.config.redis.url.get_secret_value() == "redis://own"
        assert found.detected == ()

    def test_a_static_session_asks_for_no_server(self, tmp_path: Path) -> None:
        assert (
            loaded(
                tmp_path, None, {"REDIS_URL": "redis://h"}, flags={"session.mode": "static"}
            ).config.redis.url
            is None
        )

    def test_nothing_at_all_names_what_was_looked_for_and_the_ways_on(self, tmp_path: Path) -> None:
        (tmp_path / "docker-compose.yml").write_text("services: {}\n", encoding="utf-8")
        with pytest.raises(UsageError) as caught:
            ensure_something(loaded(tmp_path), tmp_path)
        for word in (
            "streamgauge.toml",
            "REDIS_URL",
            "a compose file, a Procfile",
            "init",
            "--demo",
            "--mode static",
        ):
            assert word in str(caught.value)

    @pytest.mark.parametrize(
        ("text", "environ", "flags"),
        [
            pytest.param("", {}, {}, id="an empty file"),
            pytest.param(None, {"REDIS_URL": "redis://h"}, {}, id="an address"),
            pytest.param(None, {}, {"session.mode": "static"}, id="static"),
        ],
    )
    def test_something_is_enough(
        self, tmp_path: Path, text: str | None, environ: dict[str, str], flags: dict[str, str]
    ) -> None:
        ensure_something(loaded(tmp_path, text, environ, flags=flags), tmp_path)


@pytest.mark.parametrize(
    ("text", "environ", "wanted"),
    [
        pytest.param("", {}, None, id="the address's own"),
        pytest.param("[redis]\ndatabases = 'all'\n", {}, "all", id="all"),
        pytest.param("[redis]\ndatabases = [3, 0]\n", {}, (3, 0), id="a list"),
        pytest.param("", {"STREAMGAUGE_REDIS_DATABASES": "all"}, "all", id="all by a variable"),
        pytest.param("", {"STREAMGAUGE_REDIS_DATABASES": "0, 3"}, (0, 3), id="a list by a variable"),
        pytest.param("", {"STREAMGAUGE_REDIS_DATABASES": "5"}, (5,), id="one by a variable"),
    ],
)
def test_databases_are_all_or_a_list(
    tmp_path: Path, text: str, environ: dict[str, str], wanted: object
) -> None:
    (tmp_path / "streamgauge.toml").write_text(text, encoding="utf-8")
    found = load(project=None, config_file=None, environ=environ, flags={}, cwd=tmp_path)
    assert found.config.redis.databases == wanted


@pytest.mark.parametrize(
    "value", ["'some'", "[]", "[-1]", "['0']", "3", "true", "[true]", str(list(range(65)))]
)
def test_databases_that_are_none_are_refused_at_their_line(tmp_path: Path, value: str) -> None:
    text = f"[redis]\ndatabases = {value}\n"
    (tmp_path / "streamgauge.toml").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=r"^streamgauge\.toml:2: redis\.databases: ") as caught:
        load(project=None, config_file=None, environ={}, flags={}, cwd=tmp_path)
    assert len(caught.value.errors) == 1


def test_a_file_that_is_nested_too_deeply_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="nested too deeply"):
        loaded(tmp_path, f"a = {'[' * 3000}")
