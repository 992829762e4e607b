"""Making a deposit and sending it: what `enrol`, `replace` and the end of `recover` share."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from escrow.i18n import N_
from escrow.protocol.errors import ProtocolError
from escrow_cli import finishing, handing
from escrow_cli.context import Cli
from escrow_cli.errors import NotNow, Usage, of_protocol
from escrow_cli.sources import save

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from escrow_cli.ledger import Ledger
    from escrow_cli.ledgerkeys import Keys
    from escrow_cli.making import Made, Plan

DAY_SECONDS = 86400


def service_keys(cli: Cli) -> tuple[Ledger, Keys]:
    """Return the service's keys, proven to be those that the ledger names."""
    from escrow_cli.ledger import say_look
    from escrow_cli.ledgerkeys import check_keys, open_ledger

    ledger, keys = open_ledger(cli, None)
    check_keys(ledger, keys)
    say_look(cli, ledger)
    return ledger, keys


def send(
    cli: Cli,
    plan: Plan,
    minimum_waiting_seconds: int,
    kit: str | None,
    *,
    owner: Ed25519PrivateKey | None = None,
    also: dict[str, Any] | None = None,
) -> None:
    """Make a deposit, send it and finish it.

    `owner` is the owner key of the deposit that it replaces, where it is at hand: what it signs is
    kept until the service has it, the key is not. `also` goes into the document of `--json`.
    """
    check(kit, plan.waiting_seconds, minimum_waiting_seconds)
    made = _made(cli, plan)
    deposit = made.manifest.deposit
    path = handing.kit_path(kit, deposit)
    pending = [
        {"custody": line.custody, "link": line.link, "digits": line.digits} for line in made.invited
    ]
    signed = _signed(plan, owner, made.manifest.hash)
    cli.state.keep_manifest(deposit, made.manifest.hash, pending, signed, path.absolute())
    with _may_go_on(cli):
        _send(cli, plan, made, path)
        finishing.say_replaced(cli, deposit)
        finishing.finish(cli, handing.wait_for_provider(cli, deposit), made.kit, path, also)


def check(kit: str | None, waiting_seconds: int, minimum_waiting_seconds: int) -> None:
    """Refuse what could not be sent or saved, before a key is asked for or made; raises Usage."""
    if waiting_seconds < minimum_waiting_seconds:
        raise Usage(
            N_("This provider asks for a wait of at least {days} days."),
            N_("Give it as --waiting-days."),
            days=-(-minimum_waiting_seconds // DAY_SECONDS),
        )
    if kit and not Path(kit).parent.is_dir():
        why = os.strerror(errno.ENOENT)
        raise Usage(N_("{path} cannot be written: {why}."), path=kit, why=why)
    if kit and Path(kit).exists():
        raise Usage(
            N_("{path} exists already."),
            N_("Name another file as --kit; to finish what was interrupted, add --resume."),
            reason="file_exists",
            path=kit,
        )


def _made(cli: Cli, plan: Plan) -> Made:
    from escrow_cli import making

    with cli.terminal.progress(cli.t.gettext("Splitting the key, and trying every way back …")):
        try:
            return making.make(plan, cli.now())
        except ProtocolError as error:  # nothing of it came from elsewhere
            _drop_generated(plan)
            raise of_protocol(error, Usage) from None


def _send(cli: Cli, plan: Plan, made: Made, path: Path) -> None:
    """Save the kit and send the deposit; what was refused leaves nothing behind."""
    from escrow_cli.signin import with_step_up

    deposit = made.manifest.deposit
    try:
        save(path, made.kit.data)
        with cli.terminal.progress(cli.t.gettext("Sending the encrypted key and the pieces …")):
            with_step_up(cli, lambda: cli.client.put(f"deposits/{deposit}", made.body()))
    except (Usage, NotNow):
        if handing.forget_unsent(cli, deposit, path):
            _drop_generated(plan)
        raise


def _drop_generated(plan: Plan) -> None:
    """Remove a password that was made for a deposit which does not exist."""
    if plan.generated:
        Path(plan.generated).unlink(missing_ok=True)


@contextlib.contextmanager
def _may_go_on(cli: Cli) -> Iterator[None]:
    """Say how to go on, to whom stops in the middle or has no terminal."""
    try:
        yield
    except (KeyboardInterrupt, click.Abort):
        _say_resume(cli)
        raise
    except Usage as error:
        if error.reason == "no_terminal":
            _say_resume(cli)
        raise


def _say_resume(cli: Cli) -> None:
    cli.terminal.say()
    cli.terminal.say(cli.t.gettext("Nothing is lost: `escrow enrol --resume` goes on from here."))


def _signed(
    plan: Plan, owner: Ed25519PrivateKey | None, manifest_hash: bytes
) -> dict[str, str] | None:
    """Sign with the old owner key that the new deposit takes the old one's place."""
    from escrow.protocol.encoding import b64url
    from escrow.protocol.release import sign_replaced

    if owner is None or plan.replaces is None:
        return None
    signature = sign_replaced(owner, plan.replaces, manifest_hash)
    return {"deposit": plan.replaces, "signature": b64url(signature)}
