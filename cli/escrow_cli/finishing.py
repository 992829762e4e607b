"""The end of an enrolment, and going on with one that was interrupted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from escrow.i18n import N_
from escrow_cli import handing
from escrow_cli.context import Cli
from escrow_cli.errors import ClientError, NotNow, Usage

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


def resume(cli: Cli, kit: str | None, label: str | None = None) -> bool:
    """Finish what was interrupted; False when nothing had been sent, so all begins anew.

    `label` names one of several. Where that leaves more than one, `kit` or the person says which.
    """
    sent = _sent(cli, kit, label)
    unfinished = [found for found in sent if _own_state(found) == "invited"]
    if unfinished:
        _go_on(cli, _which(cli, unfinished, kit), kit)
        return True
    if not sent:
        cli.terminal.say(cli.t.gettext("Nothing had been sent yet."))
        return False
    cli.terminal.say(cli.t.gettext("Nothing was left unfinished."))
    _conclude(cli, sent[-1], str(_path(cli, sent[-1]["deposit"], kit)))
    return True


def _path(cli: Cli, deposit: str, kit: str | None) -> Path:
    """Say where a deposit's kit is: as is said now, else as it was when it was made."""
    from pathlib import Path

    kept = cli.state.read()["deposits"].get(deposit, {}).get("kit")
    return Path(kept) if kept and not kit else handing.kit_path(kit, deposit)


def _sent(cli: Cli, kit: str | None, label: str | None) -> list[dict[str, Any]]:
    """Return one's own deposits of this computer that reached the service, the newest last."""
    sent = []
    for deposit, entry in cli.state.read()["deposits"].items():
        if "invitations" not in entry:  # somebody else's, of whom this person is a contact
            continue
        try:
            found = cli.client.get(f"deposits/{deposit}")
        except NotNow as error:
            if error.reason == "not_found":
                handing.forget_unsent(cli, deposit, _path(cli, deposit, kit))
            continue
        say_replaced(cli, deposit)
        if label in {None, found["label"]}:
            sent.append(found)
    return sent


def _own_state(found: dict[str, Any]) -> str:
    return str(next(c["state"] for c in found["custodies"] if c["role"] == "customer"))


def _which(cli: Cli, unfinished: list[dict[str, Any]], kit: str | None) -> dict[str, Any]:
    """Choose among what is unfinished: by the kit that is named, or that is there; else ask."""
    left = [found for found in unfinished if _is_kit_of(cli, found, kit)] or unfinished
    if len(left) == 1:
        return left[0]
    lines = [
        cli.t.gettext(
            "“{label}”, made on {date}", label=found["label"], date=cli.t.date(found["created_at"])
        )
        for found in left
    ]
    return left[cli.terminal.choose(cli.t.gettext("Which one?"), lines, "ESCROW_CHOICE")]


def _is_kit_of(cli: Cli, found: dict[str, Any], kit: str | None) -> bool:
    try:
        saved = handing.read_kit(_path(cli, found["deposit"], kit))
    except ClientError:
        return False
    return saved.manifest.deposit == str(found["deposit"])


def _go_on(cli: Cli, found: dict[str, Any], kit: str | None) -> None:
    deposit = found["deposit"]
    cli.terminal.say(cli.t.gettext("Going on with “{label}”.", label=found["label"]))
    path = _path(cli, deposit, kit)
    saved = handing.read_kit(path)
    if saved.manifest.hash != cli.state.manifest_hash(deposit):
        raise Usage(
            N_("{path} is another kit."),
            N_("Say where the kit of “{label}” is, with --kit."),
            reason="other_kit",
            path=path,
            label=found["label"],
        )
    finish(cli, handing.wait_for_provider(cli, deposit), saved, path)


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
