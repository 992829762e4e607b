"""`escrow`: find the verb, run it, turn every end into an exit status.

Modules of verbs are loaded when they are used. No secret leaves through this door by accident: no
core dumps, and an unexpected error prints the places it passed, never a message or a value.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

import click

from escrow.i18n import N_
from escrow_cli.context import Surroundings, make_terminal
from escrow_cli.errors import ClientError, Usage
from escrow_cli.exitcodes import MEANINGS, Exit
from escrow_cli.terminal import Terminal, forget_stdout
from escrow_cli.usage import Formatted, translated, wrong_use

VERBS = {
    "enrol": ("enrol", N_("Keep a key safe: split it, hand out the pieces")),
    "status": ("status", N_("Show your deposits and who has proven to hold a piece")),
    "invite": ("invite", N_("Show a contact's link and digits again, resume or withdraw")),
    "accept": ("accept", N_("Accept a piece, as a contact")),
    "check": ("check", N_("Prove that you still have your piece")),
    "recover": ("recover", N_("Get your key back")),
    "prove": ("prove", N_("Vouch for somebody who has lost the app, as a contact")),
    "release": ("release", N_("Help with a recovery, as a contact, during a telephone call")),
    "decline": ("decline", N_("Stop being a contact")),
    "move": ("move", N_("Tell your new address, as a contact")),
    "lost": ("lost", N_("Say that a piece is lost")),
    "phrase": ("phrase", N_("Choose the phrase in the mails to you, as a contact")),
    "veto": ("veto", N_("Stop a recovery that you did not want")),
    "replace": ("replace", N_("Take another contact, key or wait for a deposit")),
    "drill": ("drill", N_("Try out whether a key could be brought back, with a report")),
    "close": ("close", N_("Give up a deposit, after 30 days")),
    "reopen": ("close", N_("Undo a close")),
    "verify": ("verify", N_("Check the ledger: nothing changed, nothing missing")),
    "sessions": ("sessions", N_("List and end sign-ins")),
    "combine": ("combine", N_("Combine pieces without the service")),
    "completion": ("completion", N_("Print shell completion for bash, zsh or fish")),
    "server": ("server", N_("Run the service itself")),
    "admin": ("admin", N_("Look after deposits and recoveries, as an operator")),
}
_SCRIPTS = N_(
    "Answers come from the environment, never from the command line, where other users could see "
    "them: ESCROW_MAIL_CODE, ESCROW_TOTP, ESCROW_CONFIRM=yes and so on. A question that stays open "
    "without a terminal names its variable. --json gives one document."
)
_HELP = N_("Keep a key safe in three pieces of which any two bring it back.")


class Verbs(click.Group):
    """Verbs by name; a module is imported only when its verb is used."""

    context_class = Formatted

    def list_commands(self, _ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, _ctx: click.Context, name: str) -> click.Command | None:
        if name not in VERBS:
            return None
        module = importlib.import_module(f"escrow_cli.{VERBS[name][0]}")
        command: click.Command = getattr(module, name)
        return translated(command, _terminal().t)

    def format_help_text(self, _ctx: click.Context, formatter: click.HelpFormatter) -> None:
        formatter.write_paragraph()
        with formatter.indentation():
            formatter.write_text(_terminal().t.gettext(_HELP))

    def format_commands(self, _ctx: click.Context, formatter: click.HelpFormatter) -> None:
        t = _terminal().t
        with formatter.section(t.gettext("Commands")):
            formatter.write_dl([(name, t.gettext(line)) for name, (_, line) in VERBS.items()])
        with formatter.section(t.gettext("In scripts")):
            formatter.write_text(t.gettext(_SCRIPTS))
        with formatter.section(t.gettext("Exit status")):
            formatter.write_dl([(str(int(code)), t.gettext(m)) for code, m in MEANINGS.items()])


def _terminal() -> Terminal:
    return make_terminal(os.environ.get("ESCROW_LANGUAGE"), json_output=False)


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="escrow", prog_name="escrow")
def escrow() -> None:
    """Stand for the whole program; its help text is written by `Verbs`."""


def run(arguments: Sequence[str], surroundings: Surroundings | None = None) -> int:
    """Run one command line; returns the exit status. Tests hand in clock and transport."""
    meta: dict[str, Terminal] = {}
    translated(escrow, _terminal().t)
    try:
        with escrow.make_context(
            "escrow", list(arguments), obj=surroundings or Surroundings()
        ) as context:
            context.meta["escrow.terminal"] = _terminal()
            meta = context.meta
            escrow.invoke(context)
    except click.exceptions.Exit as end:
        return end.exit_code
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return Exit.USAGE
    except click.UsageError as error:
        json_output = "--json" in arguments
        make_terminal(os.environ.get("ESCROW_LANGUAGE"), json_output=json_output).fail(
            wrong_use(error)
        )
        return Exit.USAGE
    except click.ClickException as error:  # of `escrow server`: a sentence and its own status
        error.show()
        return error.exit_code
    except ClientError as error:
        meta.get("escrow.terminal", _terminal()).fail(error)
        return error.exit
    except BrokenPipeError:  # `escrow verify | head`: whoever read has read enough
        forget_stdout()
        return Exit.NOT_READ
    except (KeyboardInterrupt, click.Abort):
        _terminal().say(_terminal().t.gettext("Stopped."))
        return Exit.INTERRUPTED
    except Exception as error:  # the last door: every other end is unexpected
        return _unexpected(error, meta.get("escrow.terminal", _terminal()))
    return Exit.OK


def _unexpected(error: Exception, terminal: Terminal) -> int:
    """Handle an error that nobody foresaw: of the protocol's checks say which, of others where.

    What the operating system refuses (a full disk, a folder of somebody else) is said in its words.
    """
    from escrow.protocol.errors import ProtocolError
    from escrow_cli.errors import Refused, of_protocol

    if isinstance(error, ProtocolError):
        refused = of_protocol(error, Refused)
        terminal.fail(refused)
        return refused.exit
    if isinstance(error, OSError) and error.strerror:
        forget_stdout()
        terminal.fail(
            Usage(
                N_("This computer could not do it: {why}."),
                reason="system",
                why=": ".join(filter(None, (_name(error.filename), error.strerror))),
            )
        )
        return Exit.USAGE
    report(type(error), error, error.__traceback__)
    return Exit.INTERNAL


def _name(filename: object) -> str:
    return str(filename) if isinstance(filename, str | os.PathLike) else ""


def report(kind: type[BaseException], _error: BaseException, trace: TracebackType | None) -> None:
    """Print where an error passed; neither its message nor any value, which may be secret."""
    lines = [f"error: {kind.__name__}"]
    while trace is not None:
        code = trace.tb_frame.f_code
        lines.append(f"  {Path(code.co_filename).name}:{trace.tb_lineno} {code.co_name}")
        trace = trace.tb_next
    lines.append(
        _terminal().t.gettext(
            "This is an error in the program itself. Please send these lines to your provider, or "
            "to whoever gave you the program: they hold nothing secret."
        )
    )
    sys.stderr.write("\n".join(lines) + "\n")


def main() -> None:
    """Start from the command line."""
    import resource

    sys.excepthook = report
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if "_ESCROW_COMPLETE" in os.environ:
        escrow.main(prog_name="escrow")  # click answers the shell
    sys.exit(run(sys.argv[1:]))
