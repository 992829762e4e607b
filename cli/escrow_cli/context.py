"""What a verb works with, and how a verb is declared."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import click

from escrow.clock import Clock, SystemClock
from escrow.i18n import N_, Translator, translator
from escrow_cli import state as states
from escrow_cli.state import State
from escrow_cli.terminal import Terminal

if TYPE_CHECKING:
    import httpx

    from escrow_cli.client import Client


@dataclass(frozen=True)
class Surroundings:
    """What only tests replace. Nothing that a user can set reaches these."""

    clock: Clock = field(default_factory=SystemClock)
    transport: httpx.BaseTransport | None = None


@dataclass
class Cli:
    """One run of one verb."""

    terminal: Terminal
    surroundings: Surroundings
    host: str | None

    @property
    def t(self) -> Translator:
        return self.terminal.t

    def now(self) -> int:
        return self.surroundings.clock.now()

    @cached_property
    def url(self) -> str:
        return states.base_url(self.host or states.known_host())

    @cached_property
    def state(self) -> State:
        return State(self.url)

    @cached_property
    def client(self) -> Client:
        from escrow_cli.client import Client

        return Client(
            self.url,
            self.surroundings.clock,
            locale=self.t.locale,
            transport=self.surroundings.transport,
        )


def make_terminal(language: str | None, *, json_output: bool) -> Terminal:
    return Terminal(translator(language), json_output=json_output)


_HOST = click.option(
    "--host", envvar="ESCROW_HOST", metavar="HOST", help=N_("The service's address.")
)
_COMMON = (
    click.option("--json", "as_json", is_flag=True, help=N_("One JSON document on stdout.")),
    click.option(
        "--language",
        type=click.Choice(["nl", "en"]),
        envvar="ESCROW_LANGUAGE",
        help=N_("Dutch or English; otherwise as your system says."),
    ),
)


def verb(
    name: str, help_text: str, *options: Callable[[Any], Any], is_online: bool = True
) -> Callable[[Any], Any]:
    """Declare a verb: a click command whose function gets a `Cli` first."""

    def declare(function: Callable[..., None]) -> click.Command:
        @functools.wraps(function)
        def run(as_json: bool, language: str | None, host: str | None = None, **given: Any) -> None:
            context = click.get_current_context()
            surroundings = context.find_object(Surroundings) or Surroundings()
            terminal = make_terminal(language, json_output=as_json)
            context.find_root().meta["escrow.terminal"] = terminal
            function(Cli(terminal, surroundings, host), **given)

        decorated: Any = run
        for option in reversed((*options, *([_HOST] if is_online else []), *_COMMON)):
            decorated = option(decorated)
        return click.command(name, help=help_text)(decorated)

    return declare
