"""Deployments of servers, made once for each process of the test run."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conftest import server_binary
from tests.servers.cluster import Cluster
from tests.servers.sentinel import Deployment


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Three primaries, shared by a module: its tests leave every node alive, and use keys of their own."""
    made = Cluster(tmp_path_factory.mktemp("cluster"), server_binary())
    yield made
    made.stop()


@pytest.fixture
def own_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Three primaries and a replica of each, for one test: it may kill them."""
    made = Cluster(tmp_path_factory.mktemp("own-cluster"), server_binary(), replicas=1)
    yield made
    made.stop()


@pytest.fixture
def sentinels(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """A primary, a replica, three Sentinels, for one test."""
    made = Deployment(tmp_path_factory.mktemp("sentinels"), server_binary())
    yield made
    made.stop()
