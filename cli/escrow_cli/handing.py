"""The last part of an enrolment: kit saved and proven, pieces handed out. May be repeated."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from escrow.i18n import N_
from escrow.protocol.encoding import grouped
from escrow.protocol.errors import ProtocolError
from escrow.protocol.kit import Kit
from escrow_cli import attesting, printing
from escrow_cli.context import Cli
from escrow_cli.errors import (
    ClientError,
    NotNow,
    Refused,
    Usage,
    WrongCode,
    WrongPiece,
    of_protocol,
)
from escrow_cli.ledger import Ledger
from escrow_cli.sources import paper_path, read_piece

KIT_DIGITS = "ESCROW_KIT_DIGITS"
PROVIDER_SECONDS = 60
_POLL_SECONDS = 0.5


def kit_path(given: str | None, deposit: str) -> Path:
    """Say where a kit goes: derived from the deposit, so that `--resume` finds it again."""
    return Path(given) if given else Path(f"escrow-kit-{deposit[:8]}.escrow.json")


def wait_for_provider(cli: Cli, deposit: str) -> dict[str, Any]:
    """Wait until the provider has opened and checked its piece; returns the deposit document."""
    with cli.terminal.progress(cli.t.gettext("The provider checks its piece …")):
        for _ in range(int(PROVIDER_SECONDS / _POLL_SECONDS)):
            found = cli.client.get(f"deposits/{deposit}")
            state = next(c["state"] for c in found["custodies"] if c["role"] == "provider")
            if state == "rejected":
                raise Refused(
                    N_(
                        "The provider cannot use the piece that it got. This deposit does not work."
                    ),
                    N_("Throw the kit away, and enrol again. Tell your provider."),
                    reason="rejected",
                )
            if state == "held":
                return found
            time.sleep(_POLL_SECONDS)
    raise NotNow(
        N_("The provider has not checked its piece yet."),
        N_("Go on later with `escrow enrol --resume`."),
        reason="provider_pending",
    )


def hand_over_kit(cli: Cli, ledger: Ledger, kit: Kit, path: Path) -> None:
    """Print the kit; go on only when the person has read it; prove that its piece is there."""
    paper = paper_path(path)
    printing.save_kit(cli, kit, paper)
    cli.terminal.say(cli.t.gettext("Your kit: {pdf} and {file}.", pdf=paper, file=path))
    cli.terminal.say(
        cli.t.gettext(
            "Print it, or put both on a USB stick. Do not keep it on this computer, nor beside the "
            "telephone with your authenticator app. Then delete both files here."
        )
    )
    expected = kit.manifest.code()[-4:]
    while True:
        typed = cli.terminal.ask(
            cli.t.gettext("The last four digits of the deposit's code, as printed on the kit"),
            KIT_DIGITS,
        )
        if typed.replace(" ", "") == expected:
            break
        wrong = WrongCode(
            N_("These are not the digits on this kit."),
            N_("Open {path}; then go on with `escrow enrol --resume`."),
            reason="wrong_kit_digits",
            path=paper,
        )
        if cli.terminal.has_answer(KIT_DIGITS):
            raise wrong
        cli.terminal.fail_softly(wrong)
    saved = read_kit(path)
    if saved.data != kit.data:
        raise Usage(N_("{path} is another kit."), reason="other_kit", path=path)
    with cli.terminal.progress(cli.t.gettext("Proving that your piece is there …")):
        attesting.attest_share(cli, ledger, saved.manifest, saved.payload)


def read_kit(path: Path) -> Kit:
    if not path.exists():
        raise Usage(
            N_("The kit {path} is not there."),
            N_("Say where it is with --kit. Without it this deposit cannot be finished."),
            reason="no_kit",
            path=path,
        )
    try:
        return Kit.parse(read_piece(path))
    except ProtocolError as error:
        raise of_protocol(error, WrongPiece) from None


def show_invitations(cli: Cli, deposit: dict[str, Any]) -> list[dict[str, Any]]:
    """Show each pending contact's link and digits, with how to pass them on."""
    pending = cli.state.read()["deposits"].get(deposit["deposit"], {}).get("invitations", [])
    lines = {line["custody"]: line for line in deposit["custodies"]}
    gone = {c for c, line in lines.items() if line["state"] != "invited"}
    cli.state.forget_invitations(deposit["deposit"], gone)
    shown = []
    for invitation in pending:
        line = lines.get(invitation["custody"])
        if line is None or line["state"] != "invited":
            continue
        shown.append({**invitation, "name": line["name"], "address": line["address"]})
        _show(cli, line, invitation)
    return shown


def _show(cli: Cli, line: dict[str, Any], invitation: dict[str, str]) -> None:
    say, t = cli.terminal.say, cli.t
    say()
    say(t.gettext("For {name} ({address}):", name=line["name"], address=line["address"]))
    say(t.gettext("1. Send this link, by mail or message:"))
    say(f"   {invitation['link']}")
    say(t.gettext("2. Say these digits on the telephone; never write them in a message:"))
    say(f"   {grouped(invitation['digits'])}")
    if line["paused"]:
        say(
            t.gettext(
                "This invitation is paused: `escrow invite --resume {custody}`.",
                custody=line["custody"],
            )
        )
    elif line["invited_until"]:
        say(t.gettext("It can be taken until {date}.", date=t.date(line["invited_until"])))


def forget_unsent(cli: Cli, deposit: str, path: Path) -> bool:
    """Clean up after a deposit that never reached the service: its kit opens nothing.

    Asked is by custody, which answers whoever is signed in. False when in doubt.
    """
    try:
        kit = Kit.parse(path.read_bytes())
    except (OSError, ProtocolError):
        kit = None
    own = kit is not None and kit.manifest.deposit == deposit
    entry = cli.state.read()["deposits"].get(deposit, {})
    custodies = [line["custody"] for line in entry.get("invitations", [])]
    if kit is not None and own:
        custodies.append(kit.payload.custody)
    if not custodies or not all(_is_unknown(cli, custody) for custody in custodies):
        return False
    with cli.state.change() as found:
        found["deposits"].pop(deposit, None)
    if own:
        path.unlink()
    return True


def _is_unknown(cli: Cli, custody: str) -> bool:
    try:
        cli.client.get(f"custodies/{custody}")
    except NotNow as error:
        return error.reason == "not_found"
    except ClientError:
        return False
    return False
