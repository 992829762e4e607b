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

from escrow.i18n import N_, Translator, translator

if TYPE_CHECKING:
    from escrow.config import Settings

_DEMO_HELP = N_(
    "Try it on this machine alone: loopback only, a mailbox page instead of mail. Its data is "
    "where ESCROW_DATA_DIR says; else, beside a checkout's `make run`, in .data."
)
_CHECKOUT_DEMO = Path(".data")  # deploy/bootstrap.py makes it
_ACCEPTED_CLOCK_SECONDS = 3600
_WORDS = {"well": N_("ok"), "warning": N_("warn"), "wrong": N_("WRONG")}
_TIME = "%Y-%m-%dT%H:%M"


class WrongConfiguration(click.ClickException):
    """The service cannot start as it is configured; the message says what to do."""

    exit_code = 78

    def show(self, file: Any = None) -> None:
        """Print the sentence as the client prints errors."""
        click.echo(_t().gettext("error: {text}", text=self.message), file=file, err=True)


class _Refused(WrongConfiguration):
    """The service refuses; it says so in English, as its API does."""

    exit_code = 1


def _t() -> Translator:
    return translator(os.environ.get("ESCROW_LANGUAGE"))


@click.group("server", help=N_("Run the service itself."))
@click.option(
    "--config",
    type=click.Path(dir_okay=False, path_type=Path),
    envvar="ESCROW_CONFIG",
    help=N_("Settings (TOML). ESCROW_<NAME> in the environment overrides each."),
)
@click.pass_context
def server(context: click.Context, config: Path | None) -> None:
    """Find the settings' file; it is read by the verbs."""
    try:
        import sqlalchemy  # noqa: F401
    except ImportError:
        raise WrongConfiguration(
            _t().gettext("The server is not installed: pip install 'escrow[server]'.")
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


def _verb(
    help_text: str, *options: Callable[[Any], Any]
) -> Callable[[Callable[..., None]], click.Command]:
    """Declare a verb whose refusals are sentences."""

    def declare(function: Callable[..., None]) -> click.Command:
        def run(**given: Any) -> None:
            from escrow.errors import ConfigurationError, EscrowError

            try:
                function(**given)
            except ConfigurationError as error:
                raise WrongConfiguration(error.sentence(_t())) from None
            except EscrowError as error:
                raise _Refused(error.detail) from None

        decorated: Any = run
        for option in reversed(options):
            decorated = option(decorated)
        return server.command(function.__name__, help=help_text)(decorated)

    return declare


_DEMO = click.option("--demo", is_flag=True, envvar="ESCROW_DEMO", help=_DEMO_HELP)
_ACCEPT_CLOCK = click.option(
    "--accept-clock",
    type=click.DateTime([_TIME, "%Y-%m-%d %H:%M"]),
    metavar="TIME",
    help=N_("After a step of more than 36 hours: the present time (UTC), read from another clock."),
)
_RESUME = click.option(
    "--resume",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    nargs=2,
    metavar="FILE FILE",
    help=N_("Go on with a restored backup, as two operators have approved (escrow admin propose)."),
)


@_verb(N_("Make database, keys and the first admin's sign-in link. Once."), _DEMO)
def init(demo: bool) -> None:
    from escrow.clock import SystemClock
    from escrow.install import install

    made, t = install(read_settings(demo=demo), SystemClock()), _t()
    digits = t.gettext(
        "Its digits, as kits and cards print them: {digits}", digits=made.ledger_digits
    )
    click.echo(t.gettext("The service is set up."))
    click.echo("\n" + t.gettext("The ledger's key, for your records:"))
    click.echo(f"  {made.ledger_vkey}\n  {digits}")
    click.echo("\n" + t.gettext("The first admin signs in here, once, within 7 days:"))
    click.echo(f"  {made.admin_link}")
    if not demo:
        click.echo("\n" + t.gettext("Now back up the key directory, apart from the database."))


@_verb(N_("Run web and custodian together, on one machine."), _DEMO, _ACCEPT_CLOCK)
def run(demo: bool, accept_clock: Any) -> None:
    from escrow import serve

    settings = read_settings(demo=demo)
    said = _ask_about_clock(settings, accept_clock)
    if settings.demo:
        settings = _on_a_free_port(settings)
    code = serve.Supervisor(serve.children(said), click.echo, _t()).run(_Announcement(settings))
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
    t = _t()
    click.echo(
        t.gettext(
            "The service last worked on {when}. A clock that runs ahead would end waiting times "
            "too early: after more than 36 hours somebody has to say that it is right.",
            when=utc(last),
        )
    )
    if not sys.stdin.isatty():
        click.echo(
            t.gettext(
                "Until then the ledger stands still: nothing is mailed, and nobody recovers. If "
                "it is now {now} (UTC), stop this and start it with: --accept-clock {now} (make "
                'run ARGS="--accept-clock {now}")',
                now=now,
            )
        )
        return []
    if not _confirmed(t.gettext("Is it now {now} (UTC)?", now=now)):
        raise WrongConfiguration(t.gettext("Then set this machine's clock right, and start again."))
    return ["--accept-clock", now]


def _confirmed(question: str) -> bool:
    """Ask yes or no, in the operator's language; Enter alone is a no."""
    yes, no = _t().gettext("y"), _t().gettext("n")
    choices = click.Choice([yes, no], case_sensitive=False)
    return bool(click.prompt(question, type=choices, default=no) == yes)


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
            _t().gettext(
                "Port {port} is in use; taking {other}. Links that name {port}, the first "
                "admin's too, work with {other} in its place.",
                port=settings.listen_port,
                other=port,
            )
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
        t, url = _t(), self._settings.public_url
        click.echo(t.gettext("The service is at {url} (stop: Ctrl-C)", url=url))
        if self._settings.demo and not self._settings.smtp_host:
            click.echo(t.gettext("Its mails are at {url}", url=f"{url}/demo/mailbox"))
        return True


@_verb(N_("Run the web tier."), _DEMO)
def web(demo: bool) -> None:
    from escrow import serve

    settings = read_settings(demo=demo)
    serve.serve_web(settings)


@_verb(N_("Run the custodian, or stand by for the one that runs."), _DEMO, _ACCEPT_CLOCK, _RESUME)
def custodian(demo: bool, accept_clock: Any, resume: tuple[Path, ...]) -> None:
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
            _t().gettext(
                "This machine's clock says {now} (UTC), which is not the time that you gave. Set "
                "the clock right.",
                now=time.strftime(_TIME, time.gmtime()),
            )
        )
    return moment + _ACCEPTED_CLOCK_SECONDS


@_verb(N_("Bring the database's tables up to date."), _DEMO)
def migrate(demo: bool) -> None:
    from escrow.migrations.run import upgrade

    upgrade(read_settings(demo=demo).database)
    click.echo(_t().gettext("The database is up to date."))


@_verb(N_("Look at everything that can be wrong, and say what to do."), _DEMO)
def doctor(demo: bool) -> None:
    from escrow.clock import SystemClock
    from escrow.doctor import examine

    is_well, t = True, _t()
    words = {name: t.gettext(word) for name, word in _WORDS.items()}
    width = max(map(len, words.values()))
    for finding in examine(read_settings(demo=demo), SystemClock(), t):
        is_well = is_well and finding.is_well
        word = "warning" if finding.is_warning else "well" if finding.is_well else "wrong"
        click.echo(f"{words[word]:{width}}  {finding.what}: {finding.said}")
        if finding.advice:
            click.echo(f"       → {finding.advice}")
    if not is_well:
        sys.exit(1)


if __name__ == "__main__":
    server()
