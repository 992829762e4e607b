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
TAKE_UP = "ESCROW_TAKE_UP"
NOTICE_SECONDS = 20


@dataclass(frozen=True)
class Asked:
    """How the person proves to be the owner, and what she says has happened, if she said it.

    `wanted` is the proof that she named; where a recovery is under way `proof` is that one's.
    """

    proof: str
    reason: str | None
    wanted: str | None = None


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
        mine = vouching.standing(cli, under_way["drafts"], asked.proof)
        if mine is None:
            mine = vouching.ask(cli, secrets.token_hex(16), _body(cli, deposit, asked))
        vouching.refuse_unproven(cli, mine)
        return mine
    made = secrets.token_hex(16)
    body = _body(cli, deposit, asked)
    if own is not None and asked.proof in vouching.WITH_KIT:
        ledger, _ = open_ledger(cli, own.manifest.ledger_vkey)
        body["piece"] = vouching.signed(own, ledger, made)
    vouching.ask(cli, made, body)
    cli.terminal.say(cli.t.gettext("The recovery has started. Everyone concerned is being told."))
    return _noticed(cli, made)


def take_up(cli: Cli, found: dict[str, Any], asked: Asked) -> None:
    """Say which recovery is gone on with; raises NotYet when the person meant another one.

    It is asked only of who wants another proof than the one that this recovery was opened with:
    everybody else gives the same command again, a backup program too.
    """
    cli.terminal.say(
        cli.t.gettext(
            "A recovery of this deposit is under way: {described}.",
            described=vouching.described(cli, found),
        )
    )
    if asked.wanted in {None, found["proof"]}:
        return
    question = cli.t.gettext(
        "It was opened with another proof ({proof}). Go on with it?",
        proof=vouching.proof_name(cli.t, str(found["proof"])),
    )
    if not cli.terminal.confirm(question, TAKE_UP):
        raise NotYet(
            N_("Nothing was changed: the recovery is still under way."),
            N_("`escrow veto` stops it. After that you can start one with another proof."),
            reason="under_way",
            recovery=found["recovery"],
            deposit=found["deposit"],
        )


def _body(cli: Cli, deposit: str, asked: Asked) -> dict[str, Any]:
    return {"deposit": deposit, "reason": _reason(cli, asked), "proof": asked.proof}


def _reason(cli: Cli, asked: Asked) -> str:
    if asked.reason is not None:
        return asked.reason
    question = cli.t.gettext("What happened? Your contacts read it on their page (may be empty)")
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
    if state == "frozen":
        raise NotNow(
            N_("Your provider has put this recovery on hold: “{why}”. Nothing is lost."),
            N_("Call your provider. It can be started again: the waiting time then begins anew."),
            reason="frozen",
            why=running["hold_reason"] or "–",
            **extra,
        )
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
    raise NotNow(
        N_("This recovery cannot be finished now ({state})."),
        N_("Ask your provider."),
        reason="wrong_state",
        **extra,
    )
