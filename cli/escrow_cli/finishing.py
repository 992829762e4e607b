"""The end of an enrolment, and going on with one that was interrupted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from escrow.i18n import N_
from escrow_cli import handing
from escrow_cli.context import Cli
from escrow_cli.errors import NotNow, Usage

if TYPE_CHECKING:
    from pathlib import Path

    from escrow.protocol.kit import Kit


def finish(
    cli: Cli, deposit: dict[str, Any], kit: Kit, path: Path, also: dict[str, Any] | None = None
) -> None:
    from escrow_cli.ledgerkeys import open_ledger

    ledger, _ = open_ledger(cli, kit.manifest.ledger_vkey)
    handing.hand_over_kit(cli, ledger, kit, path)
    _conclude(cli, cli.client.get(f"deposits/{deposit['deposit']}"), str(path), also)


def say_replaced(cli: Cli, deposit: str) -> None:
    """Hand over what the old owner key has signed for a deposit, if that is still to be done.

    Asked for a fresh code or without a line it stays in the state file, for the next time.
    """
    from escrow_cli.signin import with_step_up

    signed = cli.state.read()["deposits"].get(deposit, {}).get("replaces")
    if signed is None:
        return
    body = {"by": deposit, "signature": signed["signature"]}
    path = f"deposits/{signed['deposit']}/replaced"
    try:
        with_step_up(cli, lambda: cli.client.post(path, body, repeat=True))
    except NotNow as error:
        cli.terminal.warn(error.sentences(cli.t)[0])
        if error.reason in {"locked", "rate_limited"}:
            return
    cli.state.forget_replaces(deposit)


def resume(cli: Cli, kit: str | None) -> bool:
    """Finish what was interrupted; False when nothing had been sent, so all begins anew."""
    sent = []
    for deposit, entry in cli.state.read()["deposits"].items():
        if "invitations" not in entry:  # somebody else's, of whom this person is a contact
            continue
        path = handing.kit_path(kit, deposit)
        try:
            found = cli.client.get(f"deposits/{deposit}")
        except NotNow as error:
            if error.reason == "not_found":
                handing.forget_unsent(cli, deposit, path)
            continue
        sent.append(found)
        say_replaced(cli, deposit)
        own = next(c for c in found["custodies"] if c["role"] == "customer")
        if own["state"] != "invited":
            continue
        cli.terminal.say(cli.t.gettext("Going on with “{label}”.", label=found["label"]))
        saved = handing.read_kit(path)
        if saved.manifest.hash != cli.state.manifest_hash(deposit):
            raise Usage(N_("{path} is another kit."), reason="other_kit", path=path)
        finish(cli, handing.wait_for_provider(cli, deposit), saved, path)
        return True
    if not sent:
        cli.terminal.say(cli.t.gettext("Nothing had been sent yet."))
        return False
    cli.terminal.say(cli.t.gettext("Nothing was left unfinished."))
    _conclude(cli, sent[-1], str(handing.kit_path(kit, sent[-1]["deposit"])))
    return True


def _conclude(
    cli: Cli, document: dict[str, Any], kit: str, also: dict[str, Any] | None = None
) -> None:
    """Show what is still to be handed out, and say how things stand."""
    from escrow.protocol.encoding import b64url_decode
    from escrow.protocol.manifest import Manifest

    shown = handing.show_invitations(cli, document)
    cli.terminal.say()
    if shown:
        cli.terminal.say(
            cli.t.gettext("Not finished until they have accepted: `escrow status` shows it.")
        )
    else:
        cli.terminal.say(cli.t.gettext("Done."))
    cli.terminal.document(
        {
            "deposit": document["deposit"],
            "state": document["state"],
            "manifest_code": Manifest.parse(b64url_decode(document["manifest"])).code(),
            "kit": kit,
            "invitations": shown,
            **(also or {}),
        }
    )
