"""Where the secret comes from: a file, stdin, a question, the generator, or old shares."""

from __future__ import annotations

import secrets
import sys
from dataclasses import dataclass
from pathlib import Path

from escrow.i18n import N_
from escrow.protocol import prime_shares
from escrow.protocol.envelope import MAX_SECRET_LENGTH_BYTES
from escrow.protocol.errors import ProtocolError
from escrow_cli.context import Cli
from escrow_cli.errors import Usage, WrongPiece, of_protocol
from escrow_cli.state import write_private

SECRET = "ESCROW_SECRET"  # noqa: S105 - the name of a variable
GENERATED_LENGTH_BYTES = 32


@dataclass(frozen=True)
class Source:
    """What the options say; at most one of the first three."""

    secret_file: str | None = None
    generate: str | None = None
    from_shares: str | None = None
    shares_as: str | None = None

    def read(self, cli: Cli) -> bytes:
        """Return the secret's bytes, unchanged."""
        given = [name for name in (self.secret_file, self.generate, self.from_shares) if name]
        if len(given) > 1:
            raise Usage(N_("Give one of --secret-file, --generate and --from-shares."))
        if self.secret_file:
            secret = read_input(self.secret_file)
        elif self.generate:
            secret = generate(cli, Path(self.generate))
        elif self.from_shares:
            secret = self._old_shares(cli, self.from_shares)
        else:
            secret = ask(cli)
        if not 1 <= len(secret) <= MAX_SECRET_LENGTH_BYTES:
            raise Usage(
                N_("What you keep safe has 1 to 65536 bytes."),
                N_("Keep large files in a backup, and the backup's password here."),
                reason="wrong_secret_length",
            )
        if secret.endswith(b"\n") and self.secret_file:
            cli.terminal.say(cli.t.gettext("The file ends in a line break; it is kept with it."))
        return secret

    def _old_shares(self, cli: Cli, name: str) -> bytes:
        lines = read_input(name).decode("ascii", "replace").split()
        try:
            number = prime_shares.combine(lines)
        except ProtocolError as error:
            raise of_protocol(error, WrongPiece) from None
        found = [prime_shares.as_hex(number), prime_shares.as_text(number)]
        if self.shares_as:
            return found[self.shares_as == "text"].encode()
        cli.terminal.say(cli.t.gettext("The old shares give this. Which one is your key?"))
        return found[cli.terminal.choose(cli.t.gettext("Number"), found)].encode()


def read_input(name: str) -> bytes:
    """Read a file, or stdin for "-"; never more than can be kept safe."""
    try:
        if name == "-":
            return sys.stdin.buffer.read(MAX_SECRET_LENGTH_BYTES + 1)
        with Path(name).open("rb") as stream:
            return stream.read(MAX_SECRET_LENGTH_BYTES + 1)
    except OSError as error:
        raise Usage(
            N_("{path} cannot be read: {why}."), path=name, why=error.strerror or ""
        ) from None


def read_piece(name: str | Path) -> bytes:
    """Read a kit or card file; raises Usage, and WrongPiece for the paper in its place."""
    try:
        data = Path(name).read_bytes()
    except OSError as error:
        raise Usage(
            N_("{path} cannot be read: {why}."), path=name, why=error.strerror or ""
        ) from None
    if data.startswith(b"%PDF"):
        raise WrongPiece(
            N_("{path} is the PDF: that one is for printing."),
            N_(
                "Give the file beside it that ends in .json, or type the words (`--help` says how)."
            ),
            reason="paper_given",
            path=name,
        )
    return data


def paper_path(path: Path) -> Path:
    """Say where the paper of a kit or card file goes: beside it, with another ending."""
    name = path.name
    for ending in (".escrow.json", ".json"):
        name = name.removesuffix(ending)
    return path.with_name(f"{name}.pdf")


def generate(cli: Cli, path: Path) -> bytes:
    """Make a strong password and write it to a file, which only its owner can read."""
    secret = secrets.token_urlsafe(GENERATED_LENGTH_BYTES).encode()
    save(path, secret)
    cli.terminal.say(cli.t.gettext("A new password was written to {path}.", path=path))
    return secret


def save(path: Path, content: bytes, *, replace: bool = False) -> None:
    """Write a private file, refusing one that exists."""
    try:
        write_private(path, content, replace=replace)
    except FileExistsError:
        raise Usage(
            N_("{path} exists already."), N_("Name another file."), reason="file_exists", path=path
        ) from None
    except OSError as error:
        raise Usage(
            N_("{path} cannot be written: {why}."), path=path, why=error.strerror or ""
        ) from None


def ask(cli: Cli) -> bytes:
    if cli.terminal.has_answer(SECRET):
        return cli.terminal.ask("", SECRET).encode()
    first = cli.terminal.ask(
        cli.t.gettext("What do you want to keep safe (not shown)"), hidden=True
    )
    again = cli.terminal.ask(cli.t.gettext("Once more"), hidden=True)
    if first != again:
        raise Usage(N_("The two are not the same."), N_("Start again."), reason="not_the_same")
    return first.encode()
