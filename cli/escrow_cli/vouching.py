"""Proving who asks with a piece, where the authenticator app is lost (PROTOCOL.md section 10).

A kit proves its owner at once. Contacts vouch one after the other: until the last of them has, the
request is a draft, and customer and contact compare its number on the telephone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from escrow.i18n import N_, Translator
from escrow.protocol import keys
from escrow.protocol import release as releases
from escrow.protocol.encoding import b64url, grouped, sha256
from escrow_cli.context import Cli
from escrow_cli.errors import NotNow, NotYet, Usage
from escrow_cli.signin import with_step_up

if TYPE_CHECKING:
    from escrow_cli.ledger import Ledger
    from escrow_cli.piece import Piece
    from escrow_cli.received import Session

BY_MAIL = frozenset({"kit", "contacts"})
WITH_KIT = frozenset({"kit", "totp+kit"})
OF_CONTACTS = frozenset({"contacts", "totp+contacts"})
DRAFT = "ESCROW_DRAFT"
DAY = 86400
PROOFS = {
    "totp": N_("your authenticator app"),
    "kit": N_("your kit"),
    "contacts": N_("your contacts"),
    "totp+kit": N_("your authenticator app and your kit"),
    "totp+contacts": N_("your authenticator app and your contacts"),
}
_DEPOSIT_STATES = {"active", "complete", "closing"}


def signed(
    piece: Piece, ledger: Ledger, recovery: str, session: Session | None = None
) -> dict[str, str]:
    """Sign the proof of a piece for a recovery, at `begin` also for its session and key."""
    payload = piece.payload
    seen = ledger.newest().hash
    named = releases.Proof(
        payload.deposit,
        payload.custody,
        recovery,
        session.session if session else None,
        sha256(session.public_key) if session else None,
        seen,
    )
    key = keys.release_key(piece.share().value, payload.deposit, payload.custody)
    return {
        "custody": payload.custody,
        "checkpoint_hash": b64url(seen),
        "signature": b64url(releases.sign_proof(named, key)),
    }


def ask(cli: Cli, made: str, body: dict[str, Any]) -> dict[str, Any]:
    """Ask for a recovery; says why this kind of proof is not possible, where it is not."""
    try:
        return with_step_up(cli, lambda: cli.client.put(f"recoveries/{made}", body))
    except NotNow as error:
        if error.params.get("state") not in _DEPOSIT_STATES or body["proof"] == "totp":
            raise
        raise _not_possible(str(body["proof"])) from None


def _not_possible(proof: str) -> NotNow:
    if "+" in proof:
        return NotNow(
            N_("Two proofs at once are for after a contact has stopped a recovery."),
            N_("Use your authenticator app alone (--proof totp): that is faster."),
            reason="no_veto",
        )
    return NotNow(
        N_("The contacts of this deposit cannot replace your authenticator app."),
        N_("Use your kit: --proof kit."),
        reason="contacts_do_not_replace",
    )


def standing(cli: Cli, drafts: list[dict[str, Any]], proof: str) -> dict[str, Any] | None:
    """Return the request that the person goes on with, None for a new one.

    A stranger with access to the mailbox may have made one too, so the person says which is hers.
    """
    fitting = [line for line in drafts if line["proof"] == proof]
    if not fitting:
        return None
    lines = [described(cli, line) for line in fitting]
    lines.append(cli.t.gettext("none of these: make a new request"))
    chosen = cli.terminal.choose(cli.t.gettext("Which request is yours?"), lines, DRAFT)
    return fitting[chosen] if chosen < len(fitting) else None


def refuse_slower(cli: Cli, own: Piece, proof: str) -> None:
    """Refuse to wait for contacts with the kit in hand: it proves more, and sooner. Raises Usage.

    It is no proof beside contacts. Once the wait is over it is used as a piece like any other.
    """
    if proof not in OF_CONTACTS:
        return
    waiting = own.manifest.waiting_seconds
    better = "kit" if proof == "contacts" else "totp+kit"
    days = max(3 * waiting, 7 * DAY) if better == "kit" else max(2 * waiting, 14 * DAY)
    raise Usage(
        N_("You have your kit: then no contacts have to vouch for you."),
        N_("Use --proof {better}: you wait about {days}. Or leave --kit out."),
        reason="kit_is_better",
        better=better,
        days=cli.t.ngettext("{n} day", "{n} days", -(-days // DAY)),
    )


def proof_name(t: Translator, proof: str) -> str:
    """Say in words what a recovery was opened with."""
    return t.gettext(PROOFS[proof]) if proof in PROOFS else proof


def described(cli: Cli, line: dict[str, Any]) -> str:
    """Say of a request its number, when it was made and what happened."""
    return cli.t.gettext(
        "number {number}, made {when}: {reason}",
        number=grouped(releases.number(line["recovery"])),
        when=cli.t.datetime(line["opened_at"]),
        reason=line["reason"] or "–",
    )


def refuse_unproven(cli: Cli, line: dict[str, Any]) -> None:
    """End here while contacts have to vouch; raises NotNow for a draft."""
    if line["state"] != "draft":
        return
    number = grouped(releases.number(line["recovery"]))
    cli.terminal.say(cli.t.gettext("The number of your request: {number}", number=number))
    raise NotYet(
        N_("{given} of {needed} contacts have vouched for you. The wait begins with the last one."),
        N_(
            "Call your contacts and ask each of them to run `escrow prove` and to type the number "
            "{number}. It is good until {when}."
        ),
        reason="draft",
        given=len(line["proven"]),
        needed=line["proofs_needed"],
        number=number,
        when=cli.t.datetime(line["expires_at"]),
        at=line["expires_at"],
        state="draft",
        recovery=line["recovery"],
        deposit=line["deposit"],
    )
