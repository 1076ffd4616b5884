"""The checkout's own configuration audits the bundled fleet exactly as the fleet's own does."""

from __future__ import annotations

from pathlib import Path

from orchestrator.config.load import load
from orchestrator.config.model import Config

ROOT = Path(__file__).resolve().parents[1]


def config_of(folder: Path) -> Config:
    return load(project=None, config_file=None, environ={}, flags={}, cwd=folder).config


def test_the_checkout_points_at_the_fleet_and_at_its_pidfiles() -> None:
    here, there = config_of(ROOT), config_of(ROOT / "examples" / "orderflow")
    assert here.project.root == there.project.root == ROOT / "examples" / "orderflow"
    assert here.services == there.services
    assert here.expect == there.expect
