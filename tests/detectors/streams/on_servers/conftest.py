"""These rules are tried on every server that a run has."""

from __future__ import annotations

import pytest

from tests.conftest import Server


@pytest.fixture
def server(any_server: Server) -> Server:
    """Each server of the matrix."""
    return any_server
