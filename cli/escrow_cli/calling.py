"""The call, on the side of the person who gets her key back (PROTOCOL.md section 10)."""

from __future__ import annotations

import secrets
import time

from escrow.i18n import N_
from escrow.protocol import call as calls
from escrow.protocol.encoding import b64url, b64url_decode, grouped
from escrow.protocol.errors import ProtocolError
from escrow.protocol.manifest import Custody, Manifest
from escrow_cli.context import Cli
from escrow_cli.errors import NotNow, Refused, of_protocol

CALL_SECONDS = 900
_POLL_SECONDS = 1.0


def call(
    cli: Cli,
    path: str,
    manifest: Manifest,
    recovery: str,
    session: str,
    line: Custody,
    name: str,
    public_key: bytes,
) -> None:
    """Run one call: commit, take the contact's one nonce, reveal, show the digits, wait."""
    say, t = cli.terminal.say, cli.t
    named = calls.Call(manifest.deposit, recovery, session, secrets.token_hex(16), line.custody)
    random = secrets.token_bytes(calls.RANDOM_LENGTH_BYTES)
    committed = calls.commitment(named, public_key, random)
    where = f"{path}/calls/{named.call}"
    cli.client.put(where, {"custody": line.custody, "commitment": b64url(committed)})
    say(t.gettext("Call {name} now, and ask to start `escrow release` or the link.", name=name))
    with cli.terminal.progress(t.gettext("Waiting for {name} …", name=name)):
        nonce = _nonce(cli, where, named, committed, line)
    cli.client.post(
        f"{where}/reveal",
        {"public_key": b64url(public_key), "random": b64url(random)},
        repeat=True,
    )
    say(t.gettext("Read these 12 digits to {name}:", name=name))
    say(f"   {grouped(calls.code(committed, nonce, public_key, random))}")
    with cli.terminal.progress(t.gettext("Waiting until {name} has typed them …", name=name)):
        _wait_for_release(cli, path, line)


def _nonce(cli: Cli, where: str, named: calls.Call, committed: bytes, line: Custody) -> bytes:
    """Wait for the contact's nonce; only the first one counts."""
    for _ in range(int(CALL_SECONDS / _POLL_SECONDS)):
        found = cli.client.get(where)
        if found["nonce"] is not None:
            nonce = b64url_decode(found["nonce"])
            signature = b64url_decode(found["nonce_signature"])
            try:
                calls.verify_nonce(
                    line.release_key, signature, named.call, named.custody, committed, nonce
                )
            except ProtocolError as error:
                raise of_protocol(error, Refused) from None
            return nonce
        time.sleep(_POLL_SECONDS)
    raise _nobody()


def _wait_for_release(cli: Cli, path: str, line: Custody) -> None:
    for _ in range(int(CALL_SECONDS / _POLL_SECONDS)):
        if any(found["custody"] == line.custody for found in cli.client.get(path)["releases"]):
            return
        time.sleep(_POLL_SECONDS)
    raise _nobody()


def _nobody() -> NotNow:
    return NotNow(
        N_("No piece came within fifteen minutes."),
        N_("Call again, and start the same command. After three wrong tries, take another line."),
        reason="no_call",
    )
