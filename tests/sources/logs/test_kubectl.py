"""The real kubectl: its words without a cluster, and its choice of pods and containers."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.kube_api import KubeApi
from tests.fakes.log_store import Store
from tests.sources.logs.conformance import Reading
from tools.sources.logs import commands
from tools.sources.logs.command import CommandFeed
from tools.sources.logs.commands import Named

pytestmark = pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not on PATH")


class Cluster:
    """Pods in a store, and kubectl pointed at them."""

    def __init__(self, folder: Path) -> None:
        self.store = folder / "store"
        self.store.mkdir()
        self.api = KubeApi(folder, self.store)
        self.environ = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "KUBECONFIG": str(self.api.config),
        }

    def pod(self, name: str, *containers: str) -> Store:
        self.api.containers[name] = list(containers) or ["app"]
        store = Store(self.store, name)
        store.start()
        return store

    def feed(self, name: str) -> CommandFeed:
        return commands.feed(Named("kubectl", name), None, since_ms=0, from_end=False, environ=self.environ)


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    made = Cluster(tmp_path)
    yield made
    made.api.close()


def test_one_pod_of_a_deployment_is_read_and_the_others_are_named_as_a_gap(cluster: Cluster) -> None:
    for name in ("orders-1", "orders-2"):
        cluster.pod(name).write(b"hello\n")
    reading = Reading(cluster.feed("deployment/orders"))
    reading.until_lines(1)
    reading.feed.close()
    assert {(note.what, note.blind) for note in reading.notes} == {("the other pods", False)}
    assert "Found 2 pods" in reading.notes[0].why


def test_one_container_of_a_pod_is_read_and_the_others_are_named_as_a_gap(cluster: Cluster) -> None:
    cluster.pod("orders", "app", "sidecar").write(b"hello\n")
    reading = Reading(cluster.feed("orders"))
    reading.until_lines(1)
    reading.feed.close()
    assert {(note.what, note.blind) for note in reading.notes} == {("the other containers", False)}


def test_kubectl_writes_nothing(cluster: Cluster, tmp_path: Path) -> None:
    cluster.pod("orders").write(b"hello\n")
    before = set(tmp_path.rglob("*"))
    reading = Reading(cluster.feed("deployment/orders"))
    reading.until_lines(1)
    reading.feed.close()
    assert set(tmp_path.rglob("*")) == before


def test_a_named_container_and_namespace_are_asked_for(cluster: Cluster) -> None:
    cluster.pod("orders", "app", "sidecar").write(b"hello\n")
    reading = Reading(cluster.feed("shop/orders/sidecar"))
    reading.until_lines(1)
    reading.feed.close()
    assert reading.notes == []
    asked = [path for path in cluster.api.requests if "follow" in path]
    assert [path.partition("&")[0] for path in asked] == [
        "/api/v1/namespaces/shop/pods/orders/log?container=sidecar"
    ]


@pytest.mark.parametrize(
    ("name", "why", "fix"),
    [
        pytest.param("nosuch", 'pods "nosuch" not found', "Give namespace/pod", id="pod"),
        pytest.param("orders/app/nosuch", "not found", "Give namespace/pod", id="pod of a namespace"),
        pytest.param("shop/orders/nosuch", "is not valid for pod orders", "Name a container", id="container"),
    ],
)
def test_what_is_not_there_is_told_with_kubectls_word_and_a_remedy(
    cluster: Cluster, name: str, why: str, fix: str
) -> None:
    cluster.pod("orders").write(b"hello\n")
    reading = Reading(cluster.feed(name))
    reading.until(lambda: reading.blind)
    reading.feed.close()
    assert why in reading.blind[0].why
    assert reading.blind[0].fix.startswith(fix)


def test_no_cluster_is_told_with_kubectls_last_word(cluster: Cluster, tmp_path: Path) -> None:
    cluster.environ["KUBECONFIG"] = str(tmp_path / "none")
    reading = Reading(cluster.feed("orders"))
    reading.until(lambda: reading.blind)
    reading.feed.close()
    assert "was refused" in reading.blind[0].why
    assert reading.blind[0].fix.startswith("Point KUBECONFIG at the cluster")
