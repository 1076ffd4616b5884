"""The options of `run` for sessions that nobody watches."""

from __future__ import annotations

from typing import Annotated

import typer

Nightly = Annotated[
    bool,
    typer.Option(
        "--nightly",
        help="Unattended: plain lines, --fail-on new:high, alerts.yaml where it is there, a wait ([nightly] jitter) "
        "before and a ping ([nightly] ping_url) around it. Configuration and flags win.",
    ),
]
Jitter = Annotated[
    str | None,
    typer.Option(
        "--jitter", metavar="TIME", help="With --nightly: wait a random part of this before it begins."
    ),
]
