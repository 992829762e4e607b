"""What click says of itself, in the person's language: headings, help texts, wrong use."""

from __future__ import annotations

import os
from typing import Any

import click

from escrow.i18n import N_, Translator, translator
from escrow_cli.errors import Usage

_HEADINGS = {"Options": N_("Options"), "Commands": N_("Commands")}
_CLICKS_OWN = {
    "help": N_("Show this message and exit."),
    "version": N_("Show the version and exit."),
}


def _t() -> Translator:
    return translator(os.environ.get("ESCROW_LANGUAGE"))


class _Formatter(click.HelpFormatter):
    def write_usage(self, prog: str, args: str = "", prefix: str | None = None) -> None:
        super().write_usage(prog, args, prefix or _t().gettext("Usage: "))

    def write_heading(self, heading: str) -> None:
        known = _HEADINGS.get(heading)
        super().write_heading(_t().gettext(known) if known else heading)


class Formatted(click.Context):
    """A context whose help pages speak the person's language."""

    formatter_class = _Formatter


# What was written in the source, by command and option: a text is translated from there, always.
_sources: dict[Any, str] = {}


def _in(t: Translator, owner: Any, text: str | None) -> str | None:
    source = _sources.setdefault(owner, text or "")
    return t.gettext(source) if source else None


def translated(command: click.Command, t: Translator) -> click.Command:
    """Put a command's help texts into the person's language."""
    command.context_class = Formatted
    command.help = _in(t, command, command.help)
    context = Formatted(command, help_option_names=["-h", "--help"])
    for option in [*command.params, command.get_help_option(context)]:
        if isinstance(option, click.Option):
            option.help = _in(t, option, _CLICKS_OWN.get(option.name or "", option.help))
    if isinstance(command, click.Group):
        for inner in command.commands.values():
            translated(inner, t)
    return command


def _given_as(error: click.UsageError, parameter: click.Parameter) -> str:
    """Name what the value came from: an option, or the environment variable in its place."""
    from click.core import ParameterSource

    source = error.ctx.get_parameter_source(parameter.name or "") if error.ctx else None
    if source is ParameterSource.ENVIRONMENT and isinstance(parameter.envvar, str):
        return parameter.envvar
    return "/".join(parameter.opts)


def wrong_use(error: click.UsageError) -> Usage:
    """Say in our words what click found wrong with a command line."""
    params: dict[str, Any] = {
        "command": error.ctx.command_path if error.ctx else "escrow",
        "detail": error.format_message(),
        "reason": "wrong_use",
    }
    hint = N_("`{command} --help` shows what is possible.")
    parameter = getattr(error, "param", None)
    if isinstance(error, click.NoSuchOption):
        return Usage(N_("There is no option {name}."), hint, name=error.option_name, **params)
    if isinstance(error, click.MissingParameter) and parameter is not None:
        name = "/".join(parameter.opts) if parameter.opts else parameter.name
        return Usage(N_("{name} is missing."), hint, name=name, **params)
    if isinstance(error, click.BadParameter) and parameter is not None:
        name = _given_as(error, parameter)
        if isinstance(parameter.type, click.Choice):
            return Usage(
                N_("{name} cannot have this value; possible: {choices}."),
                hint,
                name=name,
                choices=", ".join(map(str, parameter.type.choices)),
                **params,
            )
        return Usage(N_("{name} cannot have this value."), hint, name=name, **params)
    if isinstance(error, click.exceptions.NoSuchCommand):
        return Usage(N_("There is no command {name}."), hint, name=error.command_name, **params)
    return Usage(N_("This is not how it is used: {detail}"), hint, **params)
