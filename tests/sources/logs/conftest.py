"""One real Docker engine for all tests that need one; failing contracts show what they compared."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.fakes.docker_engine import DockerEngine, NoEngine

pytest.register_assert_rewrite("tests.sources.logs.conformance")


@pytest.fixture(scope="session")
def _engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DockerEngine | str]:
    try:
        found = DockerEngine(tmp_path_factory.mktemp("engine"))
    except NoEngine as error:
        yield str(error)
        return
    yield found
    found.close()


@pytest.fixture
def engine(_engine: DockerEngine | str) -> DockerEngine:
    """A running engine; the test is skipped where there is none. Its tests belong to the xdist group `docker`."""
    if isinstance(_engine, str):
        pytest.skip(_engine)
    return _engine
