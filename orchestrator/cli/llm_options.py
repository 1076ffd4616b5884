"""Flags about the language model; more commands than one have them."""

from __future__ import annotations

from typing import Annotated

import typer

Llm = Annotated[
    bool | None,
    typer.Option(
        "--llm/--no-llm",
        help="A language model explains and looks further (on where ANTHROPIC_API_KEY is set).",
    ),
]
MaxCost = Annotated[
    float | None,
    typer.Option("--max-cost-usd", metavar="USD", help="What the language model may cost (2.00)."),
]
