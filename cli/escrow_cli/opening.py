"""A recovery until it can be finished: opened, everyone told, the calendar."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from escrow.i18n import N_
from escrow_cli import vouching
from escrow_cli.context import Cli
from escrow_cli.errors import NotNow, NotYet
from escrow_cli.ledgerkeys import open_ledger

if TYPE_CHECKING:
    from escrow_cli.piece import Piece

REASON = "ESCROW_REASON"
NOTICE_SECONDS = 20


@dataclass(frozen=True)
class Asked:
    """How the person proves to be the owner, and what she says has happened, if she said it."""

    proof: str
    reason: str | None


def running(
    cli: Cli,
    deposit: str,
    under_way: dict[str, Any],
    asked: Asked,
    own: Piece | None,
) -> dict[str, Any]:
    """Continue what is under way for a deposit, or ask for a recovery; returns its document.

    Raises NotNow while contacts have to vouch.
    """
    if under_way["recovery"] is not None:
        return cli.client.get(f"recoveries/{under_way['recovery']['recovery']}")
    if asked.proof in vouching.OF_CONTACTS:
        mine = vouching.draft(cli, deposit, under_way["drafts"], asked.proof, _reason(cli, asked))
        vouching.refuse_unproven(cli, mine)
        return mine
    made = secrets.token_hex(16)
    body: dict[str, Any] = {
        "deposit": deposit,
        "reason": _reason(cli, asked),
        "proof": asked.proof,
    }
    if own is not None and asked.proof in vouching.WITH_KIT:
        ledger, _ = open_ledger(cli, own.manifest.ledger_vkey)
        body["piece"] = vouching.signed(own, ledger, made)
    vouching.ask(cli, made, body)
    cli.terminal.say(cli.t.gettext("The recovery has started. Everyone concerned is being told."))
    return _noticed(cli, made)


def _reason(cli: Cli, asked: Asked) -> str:
    if asked.reason is not None:
        return asked.reason
    question = cli.t.gettext("What happened? Your contacts read it (may be empty)")
    return cli.terminal.ask(question, REASON)


def _noticed(cli: Cli, recovery: str) -> dict[str, Any]:
    """Give the notices a moment to leave, so that the calendar can be told."""
    with cli.terminal.progress(cli.t.gettext("Telling you and your contacts by mail …")):
        for _ in range(NOTICE_SECONDS * 2):
            found = cli.client.get(f"recoveries/{recovery}")
            if found["ready_at"] is not None:
                return found
            time.sleep(0.5)
    return cli.client.get(f"recoveries/{recovery}")


def refuse_too_early(cli: Cli, running: dict[str, Any]) -> None:
    state, at = running["state"], running["ready_at"]
    extra = {"state": state, "recovery": running["recovery"], "deposit": running["deposit"]}
    if state in {"ready", "collecting"}:
        return
    if at is None:
        raise NotYet(
            N_("The recovery has started. You can finish it {days} after everyone was told."),
            N_("You get a mail when you can finish. Everyone told can stop it with one button."),
            reason="not_noticed",
            days=cli.t.ngettext("{n} day", "{n} days", -(-running["wait_seconds"] // 86400)),
            **extra,
        )
    if state == "waiting":
        raise NotYet(
            N_("You can finish from {when}."),
            N_("Start the same command then. Everyone told can stop it until you are done."),
            reason="too_early",
            when=cli.t.datetime(at),
            at=at,
            **extra,
        )
    if state == "frozen":
        raise NotNow(
            N_("Your provider has put this recovery on hold. Nothing is lost."),
            N_("Call your provider. It can be started again, with the same waiting time."),
            reason="frozen",
            **extra,
        )
    raise NotNow(
        N_("This recovery cannot be finished now ({state})."),
        N_("Ask your provider."),
        reason="wrong_state",
        **extra,
    )
