"""`eval`: labels of small repositories against what the rules tell of them, and label files that cannot be used."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from orchestrator.evaluation import labels
from orchestrator.evaluation.repositories import Result, evaluate, lines
from orchestrator.evaluation.scoring import PRODUCERS, STREAMS, Tally
from tests.sources.code.trees import NOW_MS, write
from tools.errors import ConfigError, UsageError

COMMIT = "0123456789012345678901234567890123456789"
APP = """
import redis

r = redis.Redis()
ORDERS = "orders"


def place(order):
    r.xadd(ORDERS, {"order_id": order})


def refund(order):
    r.xadd(ORDERS, {"order_id": order}, maxlen=1000)
"""
WORKER = """
import redis

r = redis.Redis()


def work():
    while True:
        for stream, entries in r.xreadgroup("g", "c", {"orders": ">"}, block=1000) or []:
            for entry, fields in entries:
                r.xack("orders", "g", entry)
"""


def repositories(root: Path, text: str, *, name: str = "shop") -> Path:
    head = f'repository = "someone/shop"\ncommit = "{COMMIT}"\n'
    files = {f"{name}/services/api/app.py": APP, f"{name}/services/worker/app.py": WORKER}
    write(root, {**files, f"labels/{name}.toml": head + text})
    return root


def measured(root: Path, text: str) -> Result:
    return evaluate(repositories(root, text), NOW_MS)


FOUND = '{ rule = "code.xadd-no-maxlen", at = ["services/api/app.py:8"] }'
NEVER = '{ rule = "code.xadd-no-maxlen", at = ["services/api/app.py:12"] }'


@pytest.mark.parametrize(
    ("labelled", "expected"),
    [
        pytest.param(f"finding = [{FOUND}]", Tally(1, 1, 1), id="what is labelled is found"),
        pytest.param(
            f"finding = [{FOUND}, {NEVER}]",
            Tally(2, 1, 1, missed=("someone/shop services/api/app.py:12",)),
            id="what is not told is missed",
        ),
        pytest.param(
            f"finding = [{NEVER}]",
            Tally(
                1,
                0,
                0,
                missed=("someone/shop services/api/app.py:12",),
                wrong=("someone/shop services/api/app.py:8",),
            ),
            id="what is told elsewhere is wrong",
        ),
        pytest.param(
            'debatable = [{ rule = "code.xadd-no-maxlen", at = ["services/api/"] }]',
            Tally(),
            id="what is debatable counts for nothing",
        ),
        pytest.param(
            'finding = [{ rule = "code.xadd-no-maxlen", at = ["services/worker/", "services/api/app.py:7-8"] }]',
            Tally(1, 1, 1),
            id="one of several places is enough",
        ),
    ],
)
def test_a_rule_is_counted_by_places(labelled: str, expected: Tally, tmp_path: Path) -> None:
    assert measured(tmp_path, labelled).rules["code.xadd-no-maxlen"] == expected


def test_only_rules_that_were_labelled_count(tmp_path: Path) -> None:
    result = measured(tmp_path, 'rules = ["code.hardcoded-stream"]\n')
    assert set(result.rules) == {"code.hardcoded-stream"}
    assert len(result.rules["code.hardcoded-stream"].wrong) == 1


CONFIG = """
rules = ["config.*"]
finding = [
    { rule = "config.missing-env-var", at = ["services/api/settings.py:2"] },
    { rule = "config.port-conflict", at = ["compose.yaml"] },
]
"""
SETTINGS = {
    "shop/services/api/settings.py": "import os\nTOKEN = os.environ['API_TOKEN']\n",
    "shop/.env.example": "OTHER=1\n",
}


def test_a_second_file_labels_configuration_alone(tmp_path: Path) -> None:
    head = f'repository = "someone/shop"\ncommit = "{COMMIT}"\nfolder = "shop"\n'
    write(repositories(tmp_path, GOOD), {**SETTINGS, "labels/shop.config.toml": head + CONFIG})
    result = evaluate(tmp_path, NOW_MS)
    assert result.repositories == 1
    assert result.rules["config.missing-env-var"] == Tally(1, 1, 1)
    assert result.places["rules about configuration"] == Tally(2, 1, 1, missed=("someone/shop compose.yaml",))
    assert result.places["rules about code"].wrong == ()
    assert result.short == ("recall of rules about configuration 0.50 < 0.90",)
    assert result.streams[STREAMS] == Tally(1, 1, 1)


def test_streams_are_counted_with_who_writes_and_reads_them(tmp_path: Path) -> None:
    text = (
        'stream = [{ name = "orders", producers = ["services/api/", "services/web/"], '
        'consumers = [["services/jobs/", "services/worker/"]] }, { name = "refunds:{}" }]'
    )
    result = measured(tmp_path, text)
    assert result.streams == {
        "streams": Tally(2, 1, 1, missed=("someone/shop refunds:{}",)),
        "producers": Tally(2, 1, 1, missed=("someone/shop orders: services/web/",)),
        "consumers": Tally(1, 1, 1),
    }


@pytest.mark.parametrize(
    ("shared", "wrong"),
    [
        ("[]", ("someone/shop orders: services/api/app.py:12", "someone/shop orders: services/api/app.py:8")),
        ('["services/api/"]', ()),
    ],
    ids=["nobody labelled", "shared code"],
)
def test_a_producer_that_nobody_labelled_is_wrong_but_for_shared_code(
    shared: str, wrong: tuple[str, ...], tmp_path: Path
) -> None:
    result = measured(tmp_path, f'stream = [{{ name = "orders", shared = {shared} }}]')
    assert result.streams[PRODUCERS].wrong == wrong


def test_a_name_with_run_time_parts_fits_what_it_may_be(tmp_path: Path) -> None:
    result = measured(tmp_path, 'stream = [{ name = "ord{}s" }]')
    assert result.streams[STREAMS] == Tally(1, 1, 1)


def test_what_stays_below_its_bar_is_told(tmp_path: Path) -> None:
    result = measured(tmp_path, f"finding = [{FOUND}, {NEVER}]")
    assert "recall of rules about code 0.50 < 0.90" in result.short
    assert "missed code.xadd-no-maxlen someone/shop services/api/app.py:12" in list(lines(result))


GOOD = f"""
finding = [
    {FOUND},
    {{ rule = "code.hardcoded-stream", at = ["services/worker/app.py:8"] }},
    {{ rule = "code.no-dead-letter", at = ["services/worker/app.py:8"] }},
]
stream = [{{ name = "orders", producers = ["services/api/"], consumers = ["services/worker/"] }}]
"""


def test_nothing_is_below_its_bar_where_everything_is_found(tmp_path: Path) -> None:
    assert measured(tmp_path, GOOD).short == ()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        pytest.param("finding = 1\n", "finding: ", id="another type"),
        pytest.param("findings = []\n", "findings: ", id="an unknown key"),
        pytest.param('finding = [{ rule = "code.x", at = [] }]\n', "finding.0.at: ", id="no place"),
        pytest.param('finding = [{ rule = "code.x", at = ["../a.py"] }]\n', "is no place", id="outside"),
        pytest.param('folder = "elsewhere"\n', "elsewhere, which is no folder", id="no folder"),
        pytest.param("= 1\n", "it is no TOML", id="no TOML"),
    ],
)
def test_a_label_file_that_cannot_be_used_is_named(text: str, told: str, tmp_path: Path) -> None:
    root = repositories(tmp_path, text)
    with pytest.raises(ConfigError, match=re.escape(str(root / "labels" / "shop.toml"))) as caught:
        labels.read(root)
    assert told in str(caught.value)


def test_a_folder_without_labels_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="holds no label files"):
        labels.read(tmp_path)
