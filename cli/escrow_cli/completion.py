"""`escrow completion`: print what a shell needs to complete verbs and options."""

from __future__ import annotations

import click

from escrow.i18n import N_

SHELLS = ("bash", "zsh", "fish")


@click.command("completion", help=N_("Print shell completion for bash, zsh or fish."))
@click.argument("shell", type=click.Choice(SHELLS))
def completion(shell: str) -> None:
    from click.shell_completion import get_completion_class

    from escrow_cli.main import escrow

    kind = get_completion_class(shell)
    if kind is None:
        raise click.UsageError(f"{shell}?")
    click.echo(kind(escrow, {}, "escrow", "_ESCROW_COMPLETE").source())
