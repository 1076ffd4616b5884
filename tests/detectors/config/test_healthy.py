"""Every configuration rule on a healthy project, at every moment, with and without a server: not one says anything."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.detectors.config.cases import Case, found
from tests.detectors.config.healthy import ENTRIES, FILES, GROUPS
from tests.sources.code.trees import index_of
from tools.detectors.config import DETECTORS
from tools.detectors.contract import ConfigDetector
from tools.sources.records import CodeKind, FactKind

SERVERS = {
    "no server": Case(FILES),
    "at the start, before services made their groups": Case(
        FILES, now={"shop.orders.placed": {}}, baseline={"shop.orders.placed": {}}, moment="start"
    ),
    "in the middle": Case(FILES, now=GROUPS, baseline=GROUPS, entries=ENTRIES),
    "at the end, with a family that came": Case(
        FILES, now=GROUPS | {"shop.prices.usd": {}}, baseline=GROUPS, entries=ENTRIES, moment="end"
    ),
}


@pytest.mark.parametrize("rule", DETECTORS, ids=lambda rule: rule.RULES[0].id)
@pytest.mark.parametrize("case", SERVERS.values(), ids=SERVERS.keys())
def test_a_healthy_project_raises_nothing(rule: ConfigDetector, case: Case, tmp_path: Path) -> None:
    assert [symptom.title for symptom in found(rule, case, tmp_path)] == []


def test_it_is_looked_at_all_the_same(tmp_path: Path) -> None:
    """The project is no blind spot: the index knows its streams, schemas, ports, versions and logs."""
    index = index_of(tmp_path, FILES)
    assert index.services == ("billing", "gateway", "mails", "stock")
    assert {fact.kind for fact in index.facts} == set(FactKind)
    assert {
        (use.stream.value, use.service) for use in index.uses if use.kind is CodeKind.XADD and use.stream
    } == {
        ("shop.orders.placed", "gateway"),
        ("shop.orders.paid", "billing"),
        ("shop.prices.{}", "billing"),
    }
    assert {schema.name for schema in index.schemas} == {"OrderPlaced", "OrderPaid", "PriceChanged"}
    assert [use.around.model.name for use in index.uses if use.around.model is not None] == [
        "OrderPlaced",
        "OrderPaid",
        "OrderPaid",
    ]
    assert index.gaps == ()


BREAKS = {
    "config.port-conflict": ("compose.yml", '"8080:3000"', '"8001:3000"'),
    "config.port-mismatch": ("compose.yml", '"8080:3000"\n      - {target: 3000', '"8080:80"\n      - {target: 80'),
    "config.group-name-mismatch": ("packages/shared/index.ts", "redis.xgroup('CREATE', stream, group", "redis.xgroup('CREATE', stream, `${group}-v2`"),
    "config.missing-env-var": ("services/gateway/main.ts", "process.env.REDIS_URL", "process.env.QUEUE_URL"),
    "config.schema-drift": ("services/gateway/main.ts", ", 'total', String(order.total)", ""),
    "config.schema-version": ("services/gateway/main.ts", "'version', '2'", "'version', '1'"),
    "config.missing-schema": ("services/billing/main.py", "names.PAID, {", "'shop.orders.lost', {"),
    "config.naming-inconsistency": ("shared/names.py", '"shop.orders.paid"', '"shop.order.paid"'),
    "config.version-mismatch": ("services/gateway/Dockerfile", "FROM node:20-alpine\n", "FROM node:18-alpine\n"),
    "config.log-drift": (".env", "LOG_LEVEL=debug", "LOG_LEVEL=debugg"),
    "config.doc-drift": ("README.md", "`shop.orders.paid` | billing", "`shop.orders.payed` | billing"),
    "config.doc-default": ("README.md", "`BATCH` | 10", "`BATCH` | 50"),
    "config.env-mismatch": (".env", "REDIS_URL=redis://127.0.0.1:6379\n", ""),
}  # fmt: skip
"""One change of a healthy project for each rule: file, what is replaced, by what."""


@pytest.mark.parametrize(("rule_id", "change"), BREAKS.items(), ids=BREAKS.keys())
def test_one_change_of_it_is_found_by_its_rule(
    rule_id: str, change: tuple[str, str, str], tmp_path: Path
) -> None:
    path, old, new = change
    assert old in FILES[path]
    rule = next(detector for detector in DETECTORS if detector.RULES[0].id == rule_id)
    assert found(rule, Case(FILES | {path: FILES[path].replace(old, new)}), tmp_path)


def test_every_rule_but_the_one_about_new_streams_has_such_a_change() -> None:
    assert {rule.RULES[0].id for rule in DETECTORS} - BREAKS.keys() == {"config.rogue-stream"}
