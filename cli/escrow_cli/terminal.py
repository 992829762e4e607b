"""What people see and answer. Results on stdout, all else on stderr, questions on /dev/tty.

Answers for scripts come from environment variables, never from arguments: arguments show in process
lists and shell histories.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from escrow.i18n import N_, Translator
from escrow_cli import table
from escrow_cli.errors import ClientError, NotYet, Usage

if TYPE_CHECKING:
    from typing import TextIO

# What an error says to scripts besides its reason.
EXTRA = ("at", "deposit", "recovery", "state", "field", "tries_left")


class Terminal:
    def __init__(self, t: Translator, *, json_output: bool = False) -> None:
        self.t = t
        self.json_output = json_output

    def say(self, text: str = "") -> None:
        """Tell the person something, on stderr. What others wrote cannot steer the terminal."""
        sys.stderr.write(_plain(text) + "\n")
        sys.stderr.flush()

    def answer(self, text: str) -> None:
        """Write a line of what was asked for, on stdout; `--json` replaces it by `document`."""
        if not self.json_output:
            sys.stdout.write(_plain(text) + "\n")
            sys.stdout.flush()

    def document(self, value: dict[str, Any]) -> None:
        """Write the one JSON document of `--json`."""
        if self.json_output:
            text = json.dumps(value, ensure_ascii=False, indent=2)
            sys.stdout.write("".join(c if _is_plain(c) else _escaped(c) for c in text) + "\n")
            sys.stdout.flush()

    def deliver(self, secret: bytes, *, newline: bool) -> None:
        """Write a key on stdout; raises Usage where it did not get there."""
        try:
            sys.stdout.buffer.write(secret + (b"\n" if newline else b""))
            sys.stdout.buffer.flush()
        except OSError as error:
            forget_stdout()
            raise Usage(
                N_("The key could not be written to standard output: {why}."),
                N_("Nothing is lost: start the same command again."),
                reason="not_delivered",
                why=error.strerror or "",
            ) from None

    def warn(self, text: str) -> None:
        self.say(self.t.gettext("Warning: {text}", text=text))

    def fail(self, error: ClientError) -> None:
        """Print `error:` and then `hint:`; what is no error is said without the first word."""
        message, hint = error.sentences(self.t)
        is_error = not isinstance(error, NotYet)
        self.say(self.t.gettext("error: {text}", text=message) if is_error else message)
        if hint:
            self.say(self.t.gettext("hint: {text}", text=hint))
        extra = {name: error.params[name] for name in EXTRA if name in error.params}
        found = {"error": error.reason, "message": message, "hint": hint, "exit": int(error.exit)}
        self.document(found | extra)

    def fail_softly(self, error: ClientError) -> None:
        """Say what was wrong with an answer that may be given again."""
        self.say(error.sentences(self.t)[0])

    @contextlib.contextmanager
    def progress(self, text: str) -> Iterator[None]:
        """Show that something is going on which may take over a second."""
        if not sys.stderr.isatty():
            self.say(text)
            yield
            return
        from rich.console import Console
        from rich.text import Text

        with Console(stderr=True).status(Text(_plain(text))):
            yield
        self.say(text + " ✓")

    def ask(
        self, question: str, variable: str = "", *, hidden: bool = False, default: str | None = None
    ) -> str:
        """Ask on the terminal, or take the answer from an environment variable."""
        given = os.environ.get(variable) if variable else None
        if given is not None:
            return given.strip("\r\n")
        with self._tty(variable) as tty:
            shown = _plain(f"{question} [{default}]: " if default else f"{question}: ")
            answer = _read_hidden(tty, shown) if hidden else _read(tty, shown)
        return answer.strip() or (default or "")

    def has_answer(self, variable: str) -> bool:
        """Tell whether an answer comes from the environment: then it is not asked for twice."""
        return variable in os.environ

    def confirm(self, question: str, variable: str = "") -> bool:
        """Ask yes or no until it is one of them; Enter alone is a no."""
        yes, no = self.t.gettext("y"), self.t.gettext("n")
        while True:
            answer = self.ask(f"{question} ({yes}/{no})", variable).casefold()
            if answer in {"y", "yes", "1", "true", yes, self.t.gettext("yes")}:
                return True
            if answer in {"", "n", "no", "0", "false", no, self.t.gettext("no")}:
                return False
            wrong = Usage(N_("Answer {yes} or {no}."), reason="yes_or_no", yes=yes, no=no)
            if variable and self.has_answer(variable):
                raise wrong
            self.fail_softly(wrong)

    def choose(self, question: str, choices: list[str], variable: str = "") -> int:
        """Ask for one of several, by number; returns its index."""
        for number, choice in enumerate(choices, 1):
            head = f"  {number}. "
            self.say("\n".join(table.wrapped(choice, head, len(head))))
        while True:
            answer = self.ask(question, variable)
            if answer.isascii() and answer.isdigit() and 1 <= int(answer) <= len(choices):
                return int(answer) - 1
            if variable and self.has_answer(variable):
                raise Usage(
                    N_("{variable} must be a number from 1 to {count}."),
                    variable=variable,
                    count=len(choices),
                )
            self.say(self.t.gettext("Type a number from 1 to {count}.", count=len(choices)))

    def show_secret(self, text: str) -> None:
        """Show a secret on the terminal itself, never on stdout or stderr."""
        with self._tty("ESCROW_OUTPUT") as tty:
            tty.write(text + "\n")

    def qr(self, text: str) -> None:
        """Draw a QR code on stderr, when that is a terminal."""
        if not sys.stderr.isatty():
            return
        import segno

        segno.make(text, error="l", micro=False).terminal(out=sys.stderr, compact=True, border=2)

    @contextlib.contextmanager
    def _tty(self, variable: str) -> Iterator[TextIO]:
        try:
            raw = os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY)
        except OSError:
            raise Usage(
                N_("There is no terminal to ask on."),
                N_("Set the environment variable {variable}, or start this in a terminal.")
                if variable
                else N_("Start this in a terminal."),
                reason="no_terminal",
                variable=variable,
            ) from None
        import io

        with io.TextIOWrapper(
            io.FileIO(raw, "w+"), encoding="utf-8", errors="replace", write_through=True
        ) as tty:
            yield tty


def forget_stdout() -> None:
    """Drop what stdout does not take, so that Python does not complain of it at its end."""
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


def _plain(text: str) -> str:
    """Replace control characters, which a name or label from elsewhere may bring."""
    return "".join(c if _is_plain(c) else "�" for c in text)


def _is_plain(character: str) -> bool:
    return character.isprintable() or character in "\n\u00a0\u202f"


def _escaped(character: str) -> str:
    """Write a character as JSON does: what is left of them stands inside its strings."""
    return json.dumps(character)[1:-1]


def _read(tty: TextIO, question: str) -> str:
    tty.write(question)
    tty.flush()
    line = tty.readline()
    if not line:
        raise KeyboardInterrupt
    return line.rstrip("\r\n")


def _read_hidden(tty: TextIO, question: str) -> str:
    """Read a line without echo. A terminal takes at most 4095 bytes a line."""
    import termios

    descriptor = tty.fileno()
    before = termios.tcgetattr(descriptor)
    silent = termios.tcgetattr(descriptor)
    silent[3] &= ~(termios.ECHO | termios.ECHONL)
    try:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, silent)
        return _read(tty, question)
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)
        tty.write("\n")
