"""Putting a key that came back where the person wants it: what `recover` and `combine` share."""

from __future__ import annotations

from pathlib import Path

from escrow.i18n import N_
from escrow_cli.context import Cli
from escrow_cli.errors import Usage
from escrow_cli.sources import save

OUTPUT = "ESCROW_OUTPUT"


def check(cli: Cli, *, to_stdout: bool, output: str | None, force: bool | None = None) -> None:
    """Refuse before anything is done what could not be delivered afterwards.

    `force` is None for a verb that never replaces a file.
    """
    if to_stdout and (cli.terminal.json_output or output):
        raise Usage(N_("--print goes with neither --json nor --output."))
    if output and not force and Path(output).exists():
        raise Usage(
            N_("{path} exists already."),
            N_("Name another file.")
            if force is None
            else N_("Name another file, or replace it with --force."),
            reason="file_exists",
            path=output,
        )


def deliver(
    cli: Cli,
    secret: bytes,
    *,
    to_stdout: bool,
    newline: bool,
    output: str | None,
    force: bool = False,
) -> str | None:
    """Put the key where the person wants it; returns the file's path, if it is in one."""
    if to_stdout:
        cli.terminal.deliver(secret, newline=newline)
        return None
    if output is None:
        question = cli.t.gettext("Your key is back. Write it to which file (empty: show it here)")
        output = cli.terminal.ask(question, OUTPUT)
    if not output:
        cli.terminal.show_secret(secret.decode("utf-8", "replace"))
        return None
    save(Path(output), secret, replace=force)
    cli.terminal.say(cli.t.gettext("Your key is in {path}.", path=output))
    return output
