"""Names of containers, units and pods: what they become, and which are never given to a program."""

from __future__ import annotations

import pytest

from tools.sources.logs import commands
from tools.sources.logs.commands import Named


@pytest.mark.parametrize(
    ("log", "command"),
    [
        (Named("docker", "shop-orders-1"), "docker logs --timestamps --follow -- shop-orders-1"),
        (
            Named("journald", "orders@1.service"),
            "journalctl --no-pager --output=json --all --output-fields=MESSAGE,PRIORITY --unit=orders@1.service --follow --no-tail",
        ),
        (
            Named("journald", "user/orders"),
            "journalctl --no-pager --output=json --all --output-fields=MESSAGE,PRIORITY --user-unit=orders --follow --no-tail",
        ),
        (Named("kubectl", "orders"), "kubectl logs --timestamps --cache-dir=/dev/null --follow -- orders"),
        (
            Named("kubectl", "shop/orders"),
            "kubectl logs --timestamps --cache-dir=/dev/null --follow --namespace=shop -- orders",
        ),
        (
            Named("kubectl", "shop/orders/app"),
            "kubectl logs --timestamps --cache-dir=/dev/null --follow --namespace=shop --container=app -- orders",
        ),
        (
            Named("kubectl", "deployment/x"),
            "kubectl logs --timestamps --cache-dir=/dev/null --follow -- deployment/x",
        ),
        (
            Named("kubectl", "deployment/x/app"),
            "kubectl logs --timestamps --cache-dir=/dev/null --follow --container=app -- deployment/x",
        ),
        (
            Named("kubectl", "shop/sts/x/app"),
            "kubectl logs --timestamps --cache-dir=/dev/null --follow --namespace=shop --container=app -- sts/x",
        ),
    ],
    ids=lambda value: value.source if isinstance(value, Named) else "",
)
def test_a_name_becomes_a_command(log: Named, command: str) -> None:
    assert log.problem is None
    assert commands.command_line(log) == command


@pytest.mark.parametrize("kind", commands.KINDS)
@pytest.mark.parametrize(
    "name",
    [
        "", "-", "-f", "--config=/tmp/x", "a b", "a;b", "$(id)", "a\nb", "../a", "/etc/passwd", "a\x00b", "ä", "a=b",
        "x" * 300,
    ],
)  # fmt: skip
def test_no_other_name_is_given_to_a_program(kind: str, name: str) -> None:
    assert Named(kind, name).problem is not None


@pytest.mark.parametrize(
    "name", ["-a/b", "shop/-b", "shop/b/-c", "a/b/c/d", "a//b", "pod/", "a/deployment/b/c/d", "A"]
)
def test_parts_of_a_pods_name_are_looked_at_each(name: str) -> None:
    assert Named("kubectl", name).problem is not None


@pytest.mark.parametrize(
    ("log", "service"),
    [
        (Named("docker", "orders-1"), "orders-1"),
        (Named("journald", "orders.service"), "orders"),
        (Named("journald", "user/orders@1"), "orders@1"),
        (Named("kubectl", "shop/orders"), "orders"),
        (Named("kubectl", "shop/deployment/orders/app"), "app"),
    ],
    ids=lambda value: value.source if isinstance(value, Named) else "",
)
def test_a_name_stands_for_a_service(log: Named, service: str) -> None:
    assert log.service == service


@pytest.mark.parametrize(
    ("source", "is_one"),
    [("docker:orders", True), ("kubectl:a/b", True), ("docker", False), ("logs/docker:x.log", False), ("x:y", False)],
)  # fmt: skip
def test_sources_of_programs_are_told_from_files(source: str, *, is_one: bool) -> None:
    assert commands.is_source(source) is is_one
