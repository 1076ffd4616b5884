"""The ignore file: accepted findings, each with a reason and a last day; what is wrong is named with its line."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from orchestrator.config.accepted import FILE_NAME, read
from tools.errors import ConfigError

ONE = "v1:0123456789abcdef0123"


def test_a_project_without_the_file_accepts_nothing(tmp_path: Path) -> None:
    assert read(tmp_path) == ()


def test_an_entry_is_read_with_its_place(tmp_path: Path) -> None:
    text = f'# why\n[[ignore]]\nfingerprint = "{ONE}"\nreason = "agreed\\n with ops"\nexpires = 2030-01-31\n'
    (tmp_path / FILE_NAME).write_text(text, encoding="utf-8")
    (entry,) = read(tmp_path)
    assert (entry.fingerprint, entry.reason, entry.expires) == (ONE, "agreed with ops", date(2030, 1, 31))
    assert (entry.place, entry.level) == (f"{FILE_NAME}:2", None)
    (tmp_path / FILE_NAME).write_text(f'{text}level = "CRITICAL"\n', encoding="utf-8")
    assert [entry.level for entry in read(tmp_path)] == ["CRITICAL"]


def test_the_mark_of_an_editor_on_windows_is_no_error(tmp_path: Path) -> None:
    text = f'[[ignore]]\nfingerprint = "{ONE}"\nreason = "agreed"\nexpires = 2030-01-31\n'
    (tmp_path / FILE_NAME).write_text(text, encoding="utf-8-sig")
    assert [entry.place for entry in read(tmp_path)] == [f"{FILE_NAME}:1"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        pytest.param(f"a = {'[' * 100_000}", "nested too deeply", id="nested"),
        pytest.param('[[ignore]]\nreason = "x"\nexpires = 2030-01-01\n', ":1: ignore[0].fingerprint: is missing", id="no fingerprint"),
        pytest.param('[[ignore]]\nfingerprint = "RSA-001"\nreason = "x"\nexpires = 2030-01-01\n', ":2: ignore[0].fingerprint: is no fingerprint", id="an id"),
        pytest.param(f'[[ignore]]\nfingerprint = "{ONE}"\nexpires = 2030-01-01\n', "needs one", id="no reason"),
        pytest.param(f'[[ignore]]\nfingerprint = "{ONE}"\nreason = " "\nexpires = 2030-01-01\n', ":3: ignore[0].reason", id="empty reason"),
        pytest.param(f'[[ignore]]\nfingerprint = "{ONE}"\nreason = "x"\n', "nothing is accepted for ever", id="no expiry"),
        pytest.param(f'[[ignore]]\nfingerprint = "{ONE}"\nreason = "x"\nexpires = "soon"\n', ":4: ignore[0].expires: is no date", id="no date"),
        pytest.param(f'[[ignore]]\nfingerprint = "{ONE}"\nreason = "x"\nexpires = 2030-01-01\nwho = "me"\n', ":5: ignore[0].who: is no key", id="unknown key"),
        pytest.param(f'[[ignore]]\nfingerprint = "{ONE}"\nreason = "x"\nexpires = 2030-01-01\n' * 2, "accepted by ignore[0] too", id="twice"),
        pytest.param(f'[[ignore]]\nfingerprint = "{ONE}"\nreason = "x"\nexpires = 2030-01-01\nlevel = "bad"\n', ":5: ignore[0].level: is no severity", id="no level"),
        pytest.param("[ignored]\n", ":1: ignored: is no key", id="unknown table"),
        pytest.param("ignore = 1\n", "begins with [[ignore]]", id="no list"),
        pytest.param("ignore = [\n", "is no TOML", id="no toml"),
        pytest.param('"\\u001b[31m" = 1\n', "is no key", id="hostile key"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_with_its_line(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / FILE_NAME).write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as error:
        read(tmp_path)
    assert told in str(error.value)
    assert FILE_NAME in str(error.value)
