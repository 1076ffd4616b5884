"""Shared fixtures: a clean environment, real servers, and the matrix of them; no skip without a listed reason."""

from __future__ import annotations

import itertools
import os
import signal
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import cast

import hypothesis
import pytest

from tests import fuzzing, skips
from tests.servers import binaries
from tests.servers.binaries import NoServerHere, Product
from tests.servers.ports import free_port
from tests.servers.standalone import Server, server_binary
from tools import masking

__all__ = ["Server", "free_port", "server_binary"]

hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")

# Who starts the tests behind a script's `&` or under nohup has them ignored, and so would all that the tests start.
for _number in (signal.SIGINT, signal.SIGHUP):
    if signal.getsignal(_number) is signal.SIG_IGN:
        signal.signal(_number, signal.default_int_handler if _number == signal.SIGINT else signal.SIG_DFL)

# Without bytecode each process that a test starts compiles all that it imports: 3.4 s CPU for a session, not 1.4.
_DROPPED = ("ANTHROPIC_", "LANGSMITH_", "LANGCHAIN_", "STREAMGAUGE_", "REDIS_URL", "PYTHONDONTWRITEBYTECODE")
for _name in [name for name in os.environ if name.startswith(_DROPPED)]:
    del os.environ[_name]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--servers",
        default=",".join(binaries.DEFAULT),
        metavar="all|NAME,NAME",
        help=f"servers that matrix tests run on, of {', '.join(binaries.PRODUCTS)} (default: %(default)s)",
    )
    parser.addoption(
        "--lag-observations",
        type=int,
        default=300,
        metavar="N",
        help="lags that the lag fuzzer compares on each server (default: %(default)s)",
    )
    parser.addoption(
        "--lag-seed", type=int, default=1, metavar="N", help="seed of the lag fuzzer (default: %(default)s)"
    )

    parser.addoption("--faults", action="store_true", help="every fault, also those that `make faults` tries")
    fuzzing.add_option(parser)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "product" in metafunc.fixturenames:
        metafunc.parametrize("product", chosen(metafunc.config), indirect=True, ids=str)


def chosen(config: pytest.Config) -> list[Product]:
    """The products that --servers names."""
    text = cast("str", config.getoption("--servers"))
    names = list(binaries.PRODUCTS) if text == "all" else text.split(",")
    unknown = [name for name in names if name not in binaries.PRODUCTS]
    if unknown:
        known = ", ".join(binaries.PRODUCTS)
        raise pytest.UsageError(f"--servers: there is no {', '.join(unknown)}; name some of {known}, or all")
    return [binaries.PRODUCTS[name] for name in names]


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not config.getoption("--faults"):
        left_out = [item for item in items if item.get_closest_marker("faults")]
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if not item.get_closest_marker("faults")]
    fuzzing.select(config, items)
    for item in items:
        if "product" in getattr(item, "fixturenames", ()):
            item.add_marker("matrix")
    _longest_first(items)


def _longest_first(items: list[pytest.Item]) -> None:
    """Modules that run audits and sessions in turn, then the rest: else one worker is left alone with the longest."""
    long: dict[str, list[Path]] = {"e2e": [], "session": []}
    for item in items:
        known = long.get(item.path.parent.name)
        if known is not None and item.path not in known:
            known.append(item.path)
    turns = itertools.chain.from_iterable(itertools.zip_longest(*long.values()))
    places = {path: place for place, path in enumerate(path for path in turns if path is not None)}
    items.sort(key=lambda item: places.get(item.path, len(places)))


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    return fuzzing.run(pyfuncitem)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    return skips.judged((yield))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    return skips.judged((yield))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    skips.summarize(terminalreporter)
    reports = [report for kind in ("passed", "failed") for report in terminalreporter.stats.get(kind, [])]
    figures = [str(text) for report in reports for name, text in report.user_properties if name == "figures"]
    if figures:
        terminalreporter.section("figures")
        for text in figures:
            terminalreporter.line(text)


@pytest.fixture(autouse=True)
def _no_key_left_over() -> None:
    """Each test begins without the fingerprint key that a command run in this process took from its project."""
    masking.use_key(None)


@pytest.fixture(scope="session")
def _servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Server]]:
    """The running ones of this worker, by product, started when first wanted."""
    running: dict[str, Server] = {}
    yield running
    for server in running.values():
        server.stop()


def _shared(servers: dict[str, Server], product: Product, factory: pytest.TempPathFactory) -> Server:
    """Empty, with its counters at 0."""
    if product.name not in servers:
        servers[product.name] = Server(factory.mktemp("server"), product=product)
    server = servers[product.name]
    server.client.flushall()
    server.client.config_resetstat()
    return server


@pytest.fixture
def server(_servers: dict[str, Server], tmp_path_factory: pytest.TempPathFactory) -> Server:
    """A running embedded server, empty at the start of each test (one per worker process)."""
    return _shared(_servers, binaries.PRODUCTS["valkey-9.1"], tmp_path_factory)


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[Server]:
    """An embedded server of this test alone: it may be stopped, frozen or killed."""
    server = Server(tmp_path)
    yield server
    server.stop()


@pytest.fixture
def product(request: pytest.FixtureRequest) -> Product:
    """Each product of --servers in turn; the test is skipped where this platform has no build of it."""
    found = cast("Product", request.param)
    try:
        binaries.binary(found)
    except NoServerHere as error:
        pytest.skip(str(error))
    return found


@pytest.fixture
def any_server(
    product: Product, _servers: dict[str, Server], tmp_path_factory: pytest.TempPathFactory
) -> Server:
    """As `server`, of each product in turn."""
    return _shared(_servers, product, tmp_path_factory)


@pytest.fixture
def any_own_server(product: Product, tmp_path: Path) -> Iterator[Server]:
    """As `own_server`, of each product in turn."""
    server = Server(tmp_path, product=product)
    yield server
    server.stop()
