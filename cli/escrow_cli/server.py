"""`escrow server …`: make an installation, run its processes, look after it.

Everything of the server is imported when a verb runs: the client starts without it.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from escrow.config import Settings

_DEMO_HELP = (
    "Try it on this machine alone: loopback only, a mailbox page instead of mail. Its data is "
    "where ESCROW_DATA_DIR says; else, beside a checkout's `make run`, in .data."
)
_CHECKOUT_DEMO = Path(".data")  # deploy/bootstrap.py makes it
_ACCEPTED_CLOCK_SECONDS = 3600
_TIME = "%Y-%m-%dT%H:%M"


class WrongConfiguration(click.ClickException):
    """The service cannot start as it is configured; the message says what to do."""

    exit_code = 78

    def show(self, file: Any = None) -> None:
        """Print the sentence as the client prints errors."""
        click.echo(f"error: {self.message}", file=file, err=True)


@click.group("server", help="Run the service itself.")
@click.option(
    "--config",
    type=click.Path(dir_okay=False, path_type=Path),
    envvar="ESCROW_CONFIG",
    help="Settings (TOML). ESCROW_<NAME> in the environment overrides each.",
)
@click.pass_context
def server(context: click.Context, config: Path | None) -> None:
    """Find the settings' file; it is read by the verbs."""
    try:
        import sqlalchemy  # noqa: F401
    except ImportError:
        raise WrongConfiguration(
            "The server is not installed: pip install 'escrow[server]'."
        ) from None
    if config is not None:
        os.environ["ESCROW_CONFIG"] = str(config.absolute())
    context.meta["escrow.config"] = config


def read_settings(*, demo: bool = False, port: int | None = None) -> Settings:
    """Read the settings; children read the same ones from the environment."""
    from escrow import config

    given: dict[str, Any] = {}
    if demo:
        given["demo"] = True
        os.environ.setdefault("ESCROW_DATA_DIR", str(_demo_dir()))
        os.environ.setdefault("ESCROW_LISTEN_PORT", "8080")
    if port is not None:
        given["listen_port"] = port
    if demo and "ESCROW_PUBLIC_URL" not in os.environ:
        listen = port if port is not None else os.environ["ESCROW_LISTEN_PORT"]
        given["public_url"] = f"http://localhost:{listen}"
    path = click.get_current_context().find_root().meta.get("escrow.config")
    path = path or os.environ.get("ESCROW_CONFIG")
    return config.load(Path(path) if path else None, **given)


def _demo_dir() -> Path:
    """Return where a demo keeps its data: where `make run` does, if this is its checkout."""
    if (_CHECKOUT_DEMO / "migrations").is_file():
        return _CHECKOUT_DEMO.absolute()
    directory = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(directory) / "escrow-demo"


def _verb(*options: Callable[[Any], Any]) -> Callable[[Callable[..., None]], click.Command]:
    """Declare a verb whose refusals are sentences."""

    def declare(function: Callable[..., None]) -> click.Command:
        def run(**given: Any) -> None:
            from escrow.errors import ConfigurationError, EscrowError

            try:
                function(**given)
            except ConfigurationError as error:
                raise WrongConfiguration(str(error)) from None
            except EscrowError as error:
                raise click.ClickException(error.detail) from None

        decorated: Any = run
        for option in reversed(options):
            decorated = option(decorated)
        return server.command(function.__name__, help=function.__doc__)(decorated)

    return declare


_DEMO = click.option("--demo", is_flag=True, envvar="ESCROW_DEMO", help=_DEMO_HELP)
_ACCEPT_CLOCK = click.option(
    "--accept-clock",
    type=click.DateTime([_TIME, "%Y-%m-%d %H:%M"]),
    metavar="TIME",
    help="After a step of more than 36 hours: the present time (UTC), read from another clock.",
)
_RESUME = click.option(
    "--resume",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    nargs=2,
    metavar="FILE FILE",
    help="Go on with a restored backup, as two operators have approved (escrow admin propose).",
)


@_verb(_DEMO)
def init(demo: bool) -> None:
    """Make database, keys and the first admin's sign-in link. Once."""
    from escrow.clock import SystemClock
    from escrow.install import install

    made = install(read_settings(demo=demo), SystemClock())
    click.echo("The service is set up.")
    click.echo(f"\nThe ledger's key, for your records:\n  {made.ledger_vkey}")
    click.echo(f"  Its digits, as kits and cards print them: {made.ledger_digits}")
    click.echo(f"\nThe first admin signs in here, once, within 7 days:\n  {made.admin_link}")
    if not demo:
        click.echo("\nNow back up the key directory, apart from the database.")


@_verb(_DEMO, _ACCEPT_CLOCK)
def run(demo: bool, accept_clock: Any) -> None:
    """Run web and custodian together, on one machine."""
    from escrow import serve

    settings = read_settings(demo=demo)
    said = _ask_about_clock(settings, accept_clock)
    if settings.demo:
        settings = _on_a_free_port(settings)
    code = serve.Supervisor(serve.children(said), click.echo).run(_Announcement(settings))
    sys.exit(code)


def _ask_about_clock(settings: Settings, given: Any) -> list[str]:
    """Ask whoever starts a service that slept for more than 36 hours whether the clock is right.

    The answer is the custodian's, for its first start alone. Without a terminal nobody is asked,
    and the custodian waits for an operator. `given` is the time that --accept-clock names.
    """
    from escrow.custodian.outside import Outside
    from escrow.custodian.sequencer import MAX_STEP_SECONDS, utc

    _accepted(given)
    last = Outside(settings.outside_dir).at
    if not last or time.time() - last <= MAX_STEP_SECONDS:
        return []
    if given is not None:
        return ["--accept-clock", given.strftime(_TIME)]
    now = time.strftime(_TIME, time.gmtime())
    click.echo(
        f"The service last worked on {utc(last)}. A clock that runs ahead would end waiting times "
        "too early: after more than 36 hours somebody has to say that it is right."
    )
    if not sys.stdin.isatty():
        click.echo(
            "Until then the ledger stands still: nothing is mailed, and nobody recovers. If it is "
            f"now {now} (UTC), stop this and start it with: --accept-clock {now} "
            f'(make run ARGS="--accept-clock {now}")'
        )
        return []
    if not click.confirm(f"Is it now {now} (UTC)?"):
        raise WrongConfiguration("Then set this machine's clock right, and start again.")
    return ["--accept-clock", now]


def _on_a_free_port(settings: Settings) -> Settings:
    """Move a demo to the next port when its own is busy; children learn it from the environment."""
    from escrow import serve

    port = serve.free_port(settings.listen_host, settings.listen_port)
    os.environ["ESCROW_DEMO"] = "1"
    os.environ["ESCROW_DATA_DIR"] = str(settings.data_dir)
    os.environ["ESCROW_LISTEN_PORT"] = str(port)
    # Whoever tries it looks for addresses on this screen, not for a line a request.
    os.environ.setdefault("ESCROW_LOG_REQUESTS", "false")
    if port != settings.listen_port:
        click.echo(
            f"Port {settings.listen_port} is in use; taking {port}. Links that name "
            f"{settings.listen_port}, the first admin's too, work with {port} in its place."
        )
    if "ESCROW_PUBLIC_URL" not in os.environ:
        settings = read_settings(demo=True, port=port)
        os.environ["ESCROW_PUBLIC_URL"] = settings.public_url
    return settings


class _Announcement:
    """Says once where the service is, when it answers."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._next = 0.0

    def __call__(self) -> bool:
        from escrow import serve

        if time.monotonic() < self._next:
            return False
        self._next = time.monotonic() + 0.3
        if not serve.answers(self._settings.listen_host, self._settings.listen_port):
            return False
        click.echo(f"The service is at {self._settings.public_url} (stop: Ctrl-C)")
        if self._settings.demo and not self._settings.smtp_host:
            click.echo(f"Its mails are at {self._settings.public_url}/demo/mailbox")
        return True


@_verb(_DEMO)
def web(demo: bool) -> None:
    """Run the web tier."""
    from escrow import serve

    settings = read_settings(demo=demo)
    serve.serve_web(settings)


@_verb(_DEMO, _ACCEPT_CLOCK, _RESUME)
def custodian(demo: bool, accept_clock: Any, resume: tuple[Path, ...]) -> None:
    """Run the custodian, or stand by for the one that runs."""
    from escrow.custodian import process

    accepted = _accepted(accept_clock)
    process.run(read_settings(demo=demo), accepted_step=accepted, approvals=resume or ())


def _accepted(said: Any) -> int:
    """Return until when the clock counts as right; refuses a time that is not the clock's own."""
    if said is None:
        return 0
    from datetime import UTC

    moment = int(said.replace(tzinfo=UTC).timestamp())
    if abs(moment - time.time()) > _ACCEPTED_CLOCK_SECONDS:
        raise WrongConfiguration(
            f"This machine's clock says {time.strftime(_TIME, time.gmtime())} (UTC), "
            "which is not the time that you gave. Set the clock right."
        )
    return moment + _ACCEPTED_CLOCK_SECONDS


@_verb(_DEMO)
def migrate(demo: bool) -> None:
    """Bring the database's tables up to date."""
    from escrow.migrations.run import upgrade

    upgrade(read_settings(demo=demo).database)
    click.echo("The database is up to date.")


@_verb(_DEMO)
def doctor(demo: bool) -> None:
    """Look at everything that can be wrong, and say what to do."""
    from escrow.clock import SystemClock
    from escrow.doctor import examine

    is_well = True
    for finding in examine(read_settings(demo=demo), SystemClock()):
        is_well = is_well and finding.is_well
        word = "WRONG" if not finding.is_well else "warn " if finding.is_warning else "ok   "
        click.echo(f"{word}  {finding.what}: {finding.said}")
        if finding.advice:
            click.echo(f"       → {finding.advice}")
    if not is_well:
        sys.exit(1)


if __name__ == "__main__":
    server()
