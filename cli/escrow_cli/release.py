"""`escrow release`: a contact helps during a telephone call.

Nothing is sealed before the ledger says that this recovery was announced and has waited, and before
the digits that the caller reads out fit what this client computed itself (PROTOCOL.md section 10).
"""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from escrow.i18n import N_
from escrow_cli.context import Cli, verb
from escrow_cli.errors import NOTHING_SENT, NotNow, Refused, of_protocol

if TYPE_CHECKING:
    from escrow_cli.piece import Piece

CALL_DIGITS = "ESCROW_CALL_DIGITS"
CALL_SECONDS = 600
_POLL_SECONDS = 1.0


@dataclass(frozen=True)
class Running:
    """A recovery that this client has found announced in the ledger, and its present session."""

    recovery: str
    session: str
    public_key: bytes
    reason: str


@verb(
    "release",
    N_("Help with a recovery, during a telephone call with the person you know."),
    click.option("--card", metavar="FILE", help=N_("Your card file; otherwise you are asked.")),
)
def release(cli: Cli, card: str | None) -> None:
    from escrow_cli.announced import running
    from escrow_cli.piece import of_options

    piece = of_options(cli, card, role="contact")
    found = running(cli, piece)
    say, t = cli.terminal.say, cli.t
    say(t.gettext("A recovery of “{label}” is waiting for you.", label=piece.manifest.label))
    if found.reason:
        say(
            t.gettext(
                "What happened, as the person who asks wrote it: {reason}", reason=found.reason
            )
        )
    say(
        t.gettext(
            "Did you call back on the number that you already had? Only then go on. The other "
            "person reads 12 digits out to you."
        )
    )
    public_key = _agreed_key(cli, piece, found)
    _send(cli, piece, found, public_key)
    say(t.gettext("Done: your piece is on its way, readable for that person only."))
    cli.terminal.document({"recovery": found.recovery, "session": found.session, "state": "made"})


def _agreed_key(cli: Cli, piece: Piece, found: Running) -> bytes:
    """Run the call; returns the public key that both sides have agreed on by voice."""
    from escrow.protocol import call as calls
    from escrow.protocol.encoding import b64url, b64url_decode
    from escrow.protocol.errors import ProtocolError

    where = f"recoveries/{found.recovery}/sessions/{found.session}"
    custody = piece.payload.custody
    with cli.terminal.progress(cli.t.gettext("Waiting for the other side to start the call …")):
        started = _poll(cli, lambda: _open_call(cli, where, custody))
    call, committed = started["call"], b64url_decode(started["commitment"])
    nonce = secrets.token_bytes(calls.RANDOM_LENGTH_BYTES)
    signer = cli.client.signer
    if signer is None:
        raise AssertionError
    body = {
        "commitment": b64url(committed),
        "nonce": b64url(nonce),
        "signature": b64url(signer.sign_nonce(call, committed, nonce)),
    }
    cli.client.post(f"{where}/calls/{call}/nonce", body, repeat=True)
    with cli.terminal.progress(cli.t.gettext("Waiting for the other side's key …")):
        revealed = _poll(cli, lambda: _revealed(cli, f"{where}/calls/{call}"))
    public_key, random = b64url_decode(revealed["public_key"]), b64url_decode(revealed["random"])
    named = calls.Call(piece.manifest.deposit, found.recovery, found.session, call, custody)
    try:
        calls.check_reveal(named, committed, public_key, random)
    except ProtocolError as error:
        raise of_protocol(error, Refused) from None
    if public_key != found.public_key:
        raise Refused(
            N_("The key shown in the call is not the one in the ledger."),
            NOTHING_SENT,
            reason="other_public_key",
        )
    _compare(cli, calls.code(committed, nonce, public_key, random))
    return public_key


def _compare(cli: Cli, expected: str) -> None:
    """Compare the digits here, three tries; they never leave this computer."""
    from escrow.protocol import call as calls

    for _ in range(calls.MAX_TRIES):
        typed = cli.terminal.ask(
            cli.t.gettext("The 12 digits that the other person reads out"), CALL_DIGITS
        )
        if calls.same_code(typed, expected):
            return
        cli.terminal.say(cli.t.gettext("These are not the digits. Ask for them again."))
        if cli.terminal.has_answer(CALL_DIGITS):
            break
    raise Refused(
        N_("The digits do not fit: somebody may stand between you. The call is over."),
        N_("Tell the other person. Nothing was handed over. A new call needs a new start there."),
        reason="wrong_call_digits",
    )


def _open_call(cli: Cli, where: str, custody: str) -> dict[str, Any] | None:
    calls = [call for call in cli.client.get(where)["calls"] if call["custody"] == custody]
    return calls[-1] if calls and calls[-1]["nonce"] is None else None


def _revealed(cli: Cli, where: str) -> dict[str, Any] | None:
    call = cli.client.get(where)
    return call if call["random"] is not None and call["public_key"] is not None else None


def _poll(cli: Cli, ask: Any) -> dict[str, Any]:
    for _ in range(int(CALL_SECONDS / _POLL_SECONDS)):
        found: dict[str, Any] | None = ask()
        if found is not None:
            return found
        time.sleep(_POLL_SECONDS)
    raise NotNow(
        N_("The other side did not answer within ten minutes."),
        N_("Start again when you are on the telephone together."),
        reason="no_call",
    )


def _send(cli: Cli, piece: Piece, found: Running, public_key: bytes) -> None:
    """Seal the piece to exactly the agreed bytes, sign the release, send both."""
    from escrow.protocol import keys, seal
    from escrow.protocol import release as releases
    from escrow.protocol.encoding import b64url, sha256

    payload, manifest = piece.payload, piece.manifest
    binding = seal.Binding(
        payload.deposit, payload.custody, manifest.hash, found.recovery, found.session
    )
    sealed = seal.seal(payload.data, public_key, binding)
    made = releases.Release(
        payload.deposit,
        payload.custody,
        found.recovery,
        found.session,
        manifest.hash,
        sha256(public_key),
        sha256(sealed),
        cli.now(),
    )
    key = keys.release_key(piece.share().value, payload.deposit, payload.custody)
    body = {
        "sealed": b64url(sealed),
        "signature": b64url(releases.sign(made, key)),
        "time": made.time,
    }
    where = f"recoveries/{found.recovery}/sessions/{found.session}"
    cli.client.put(f"{where}/releases/{payload.custody}", body)
