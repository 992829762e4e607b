"""What the verbs of `escrow admin` share: how they are declared, and what they open.

They read the settings and the database as `escrow server …` does, and everything of the server is
imported when a verb runs. What they approve is verified by the custodian.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from escrow.i18n import N_
from escrow_cli.context import Cli, Surroundings, make_terminal
from escrow_cli.errors import ClientError, NotNow, Refused, Unreachable, Usage

if TYPE_CHECKING:
    from escrow.config import Settings
    from escrow.context import Web
    from escrow.operators import OperatorKey


@click.group("admin", help=N_("Look after deposits and recoveries, as an operator on the host."))
@click.option(
    "--config",
    type=click.Path(dir_okay=False, path_type=Path),
    envvar="ESCROW_CONFIG",
    help=N_("Settings (TOML). ESCROW_<NAME> in the environment overrides each."),
)
@click.option(
    "--demo",
    is_flag=True,
    envvar="ESCROW_DEMO",
    help=N_("The service that `escrow server run --demo` runs on this machine."),
)
@click.pass_context
def admin(context: click.Context, config: Path | None, demo: bool) -> None:
    """Find the settings' file; it is read by the verbs."""
    context.meta["escrow.config"] = config
    context.meta["escrow.demo"] = demo


def verb(
    name: str, help_text: str, *options: Callable[[Any], Any]
) -> Callable[[Callable[..., None]], click.Command]:
    """Declare a verb of operators: its function gets a `Cli` first."""

    def declare(function: Callable[..., None]) -> click.Command:
        def run(as_json: bool, language: str | None, **given: Any) -> None:
            context = click.get_current_context()
            surroundings = context.find_object(Surroundings) or Surroundings()
            terminal = make_terminal(language, json_output=as_json)
            context.find_root().meta["escrow.terminal"] = terminal
            with _as_sentences():
                function(Cli(terminal, surroundings, None), **given)

        decorated: Any = run
        for option in reversed((*options, _JSON, _LANGUAGE)):
            decorated = option(decorated)
        return admin.command(name, help=help_text)(decorated)

    return declare


_JSON = click.option("--json", "as_json", is_flag=True, help=N_("One JSON document on stdout."))
_LANGUAGE = click.option(
    "--language",
    type=click.Choice(["nl", "en"]),
    envvar="ESCROW_LANGUAGE",
    help=N_("Dutch or English; otherwise as your system says."),
)
KEY = click.option(
    "--key",
    type=click.Path(dir_okay=False, path_type=Path),
    envvar="ESCROW_OPERATOR_KEY",
    required=True,
    help=N_("The file with your operator's key."),
)
REASON = click.option("--reason", required=True, help=N_("Why; it stands in what is signed."))
DAYS = click.option(
    "--days",
    type=click.IntRange(1, 7),
    default=3,
    help=N_("How many days the others have to approve (at most 7)."),
)
OUT = click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    help=N_("Where to write the file; it must not exist yet."),
)


@contextlib.contextmanager
def _as_sentences() -> Iterator[None]:
    """Turn what the server's code refuses into errors with a hint and an exit status."""
    from escrow import errors
    from escrow.protocol.errors import ProtocolError

    try:
        yield
    except ImportError as error:
        raise Usage(
            N_("The server is not installed: {detail}."),
            N_("pip install 'escrow[server]'"),
            reason="not_installed",
            detail=error.name or "",
        ) from None
    except errors.ConfigurationError as error:
        params: dict[str, Any] = dict(error.params)
        raise Usage(error.message, reason="configuration", **params) from None
    except errors.EscrowError as error:
        kind, hint = _KINDS.get(error.status, (Unreachable, _BUSY))
        raise kind(N_("{detail}"), hint, reason=error.code, detail=error.detail) from None
    except ProtocolError as error:
        raise Usage(N_("{detail}"), reason=error.code, detail=str(error)) from None


_BUSY = N_("Is the database running? `escrow server doctor` looks.")
_KINDS: dict[int, tuple[type[ClientError], str]] = {
    400: (Usage, N_("Look at it again with `escrow admin show`.")),
    401: (Refused, N_("Is your public line in the setting “operators”?")),
    404: (NotNow, N_("`escrow admin list` shows what there is.")),
    409: (NotNow, N_("Look at it again with `escrow admin show`.")),
}


def settings_of_host() -> Settings:
    """Read the settings as the service's own processes do."""
    from escrow_cli.server import read_settings

    demo = bool(click.get_current_context().find_root().meta.get("escrow.demo"))
    return read_settings(demo=demo)


@contextlib.contextmanager
def opened(cli: Cli) -> Iterator[Web]:
    """Open the installation's database with the web tier's keys."""
    from escrow import webkeyfile
    from escrow.context import Web
    from escrow.db import Database
    from escrow.migrations.ready import require_ready

    settings = settings_of_host()
    keys = webkeyfile.load(settings.key_dir)
    require_ready(settings.database)
    database = Database(settings.database)
    try:
        yield Web(settings, database, keys, cli.surroundings.clock)
    finally:
        database.close()


def load(key: Path) -> OperatorKey:
    from escrow.operators import OperatorKey

    return OperatorKey.load(key)


def write(path: Path, content: bytes) -> None:
    """Write a new file, mode 0600; one that is there is never replaced."""
    from escrow.keyfile import create_private

    try:
        create_private(path, content)
    except FileExistsError:
        raise there_is_one(path) from None
    except OSError as error:
        raise Usage(
            N_("{path} cannot be written: {detail}."), path=path, detail=error.strerror
        ) from None


def there_is_one(path: Path) -> Usage:
    return Usage(
        N_("{path} exists already; nothing was written."),
        N_("Name another file with --out."),
        reason="file_exists",
        path=path,
    )
