"""What the ledger must say of a recovery before a contact helps (PROTOCOL.md section 10)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from escrow.i18n import N_
from escrow.protocol.ledger import Event
from escrow.protocol.release import shortest_wait
from escrow_cli.context import Cli
from escrow_cli.errors import NOTHING_SENT, NotNow, Refused
from escrow_cli.ledger import Ledger, say_look
from escrow_cli.ledgerkeys import open_ledger
from escrow_cli.piece import Piece, altered, fetch_custody
from escrow_cli.release import Running

if TYPE_CHECKING:
    pass

_STOPPED = {"recovery vetoed", "recovery completed", "recovery expired"}


def running(cli: Cli, piece: Piece) -> Running:
    """Return the recovery that is collecting, after finding it announced in the ledger.

    Raises NotNow when there is none or it is too early, Refused when the ledger does not say what
    the service says.
    """
    document, manifest, _ = fetch_custody(cli, piece.payload.custody)
    if manifest.hash != piece.manifest.hash:
        raise altered()
    ledger, _ = open_ledger(cli, piece.manifest.ledger_vkey, note=piece.checkpoint)
    say_look(cli, ledger)
    cli.client.signer = piece.signer()
    found = document["recovery"]
    if found is None:
        raise NotNow(N_("No recovery of this deposit is running."), reason="no_recovery")
    recovery = found["recovery"]
    with cli.terminal.progress(cli.t.gettext("Checking the recovery in the ledger …")):
        events = _events(cli, ledger, piece, recovery)
    _check_wait(cli, piece, events)
    _check_not_stopped(events)
    begun = [event for event in events if event.type == "recovery begun"]
    if found["session"] is None or found["state"] != "collecting" or not begun:
        raise NotNow(
            N_("The other person has not started yet."),
            N_("Call, and start this again when you are on the telephone together."),
            reason="not_begun",
        )
    if begun[-1].data["session"] != found["session"]:
        raise Refused(
            N_("The service shows another session than the ledger."),
            NOTHING_SENT,
            reason="other_session",
        )
    reason = cli.client.get(f"recoveries/{recovery}")["reason"] or ""
    return Running(recovery, found["session"], begun[-1].data["public_key"], reason)


def _events(cli: Cli, ledger: Ledger, piece: Piece, recovery: str) -> list[Event]:
    """Fetch this recovery's entries and prove each to be in the ledger, oldest first."""
    entries = cli.client.listed(f"custodies/{piece.payload.custody}/events", "events")
    events = [ledger.event(entry) for entry in sorted(entries, key=lambda one: int(one["index"]))]
    return [
        event
        for event in events
        if event.recovery == recovery and event.deposit == piece.manifest.deposit
    ]


def _check_wait(cli: Cli, piece: Piece, events: list[Event]) -> None:
    opened = [event for event in events if event.type == "recovery opened"]
    anew = max((i for i, e in enumerate(events) if e.type == "recovery unfrozen"), default=0)
    noticed = [event for event in events[anew:] if event.type == "recovery noticed"]
    if not opened:
        raise Refused(
            N_("The ledger does not know of this recovery."), NOTHING_SENT, reason="not_opened"
        )
    if not noticed:
        raise Refused(
            N_("The ledger does not say that everyone was told of this recovery."),
            NOTHING_SENT,
            reason="not_noticed",
        )
    wait = noticed[-1].data["wait_seconds"]
    least = shortest_wait(opened[0].data["proof"], piece.manifest.waiting_seconds)
    if piece.manifest.kind == "real" and wait < least:
        raise Refused(
            N_("The ledger says a shorter wait than the owner has chosen."),
            NOTHING_SENT,
            reason="wait_too_short",
        )
    at = noticed[-1].at + wait
    if cli.now() < at:
        raise NotNow(
            N_("The waiting time is not over before {when}."),
            reason="too_early",
            when=cli.t.datetime(at),
            at=at,
        )


def _check_not_stopped(events: list[Event]) -> None:
    last = next(
        (e for e in reversed(events) if e.type in {"recovery frozen", "recovery unfrozen"}), None
    )
    if any(event.type in _STOPPED for event in events) or (
        last is not None and last.type == "recovery frozen"
    ):
        raise NotNow(N_("This recovery was stopped."), reason="stopped")
