"""How every command is called: its error becomes an exit code here, and so does a signal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer
from typer.core import TyperGroup

from orchestrator.cli import boundary, signals


class Commands(TyperGroup):
    """The one place where a command's error becomes an exit code."""

    def main(self, *args: Any, **extra: Any) -> Any:
        """Run a command; what is written to it, and a signal between two steps, end it as errors do."""
        boundary.keep_streams()
        with boundary.checked_output():
            try:
                return super().main(*args, **extra)
            except SystemExit as ended:
                # Between two steps of its own typer makes a 1 of an interrupt.
                raise SystemExit(signals.code_owed() or ended.code) from ended

    def make_context(self, *args: Any, **extra: Any) -> Any:
        """Read the words of the call."""
        try:
            return super().make_context(*args, **extra)
        except KeyboardInterrupt as error:
            raise typer.Exit(boundary.not_begun(error)) from error

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command that is meant. All but `run` take signals as Python does."""
        found = super().resolve_command(ctx, args)
        if found[0] != "run":
            signals.give_back()
        return found

    def invoke(self, ctx: Any) -> Any:
        """Run it; its exit code is the error's, or its own number."""
        state = ctx.ensure_object(dict).setdefault("state", boundary.StateFolder(Path.cwd() / ".state"))
        code = boundary.exit_code_of(lambda: super(Commands, self).invoke(ctx), state)
        raise typer.Exit(signals.leave(code))
