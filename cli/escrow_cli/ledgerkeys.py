"""The service's public keys, and the way from a key that is known to a later one.

A manifest pins the ledger's key by name, the kept checkpoint by its signature. Later keys are
trusted only through `key changed` entries, each in a checkpoint signed by the key before; what the
provider's piece is sealed to must be the key that the ledger names. Source: PROTOCOL.md section 6.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from escrow.i18n import N_
from escrow.protocol import ledger as protocol
from escrow.protocol.encoding import b64url_decode
from escrow.protocol.errors import Malformed, ProtocolError
from escrow.protocol.note import Checkpoint, Verifier
from escrow_cli.context import Cli
from escrow_cli.errors import NOTHING_SENT, Refused, of_protocol
from escrow_cli.ledger import OTHER_KEY, Ledger


@dataclass(frozen=True)
class Keys:
    """The service's public keys as it says them; `check_keys` proves them."""

    ledger_vkey: str
    provider_key: bytes
    minimum_waiting_seconds: int
    provider_phone: str
    changes: tuple[dict[str, Any], ...]

    @classmethod
    def fetch(cls, cli: Cli) -> Keys:
        found = cli.client.get("keys")
        return cls(
            found["ledger_vkey"],
            b64url_decode(found["provider_key"]),
            found["minimum_waiting_seconds"],
            found["provider"]["phone"],
            tuple(found["changes"]),
        )


def check_keys(ledger: Ledger, keys: Keys) -> None:
    """Refuse keys that the ledger does not name: what is sealed to them could be read."""
    if keys.ledger_vkey != ledger.verifier.vkey:
        raise Refused(OTHER_KEY, NOTHING_SENT, reason="other_ledger_key")
    newest: dict[str, bytes] = {}
    for entry in _ordered(keys):
        event = ledger.event(entry)
        if event.type == "key changed":
            newest[event.data["use"]] = event.data["new"]
    if newest.get("provider") != keys.provider_key:
        raise Refused(
            N_("The provider's key is not the one that the ledger names."),
            NOTHING_SENT,
            reason="other_provider_key",
        )
    if newest.get("ledger", keys.ledger_vkey.encode()) != keys.ledger_vkey.encode():
        raise Refused(OTHER_KEY, NOTHING_SENT, reason="other_ledger_key")


def open_ledger(cli: Cli, pinned_vkey: str | None, *, note: str = "") -> tuple[Ledger, Keys]:
    """Open the ledger by the key pinned in a manifest, else by the one that is kept.

    A later key is accepted only through `key changed` entries that the pinned key has signed for.
    `note` is a checkpoint from a card or kit. Without any of these the service's word is taken.
    """
    keys = Keys.fetch(cli)
    pinned = pinned_vkey or _kept_key(cli, keys) or keys.ledger_vkey
    ledger = Ledger(cli, keys.ledger_vkey, _follow(cli, pinned, keys))
    ledger.remember(note)
    ledger.newest()
    return ledger, keys


def _kept_key(cli: Cli, keys: Keys) -> str | None:
    """Return the key that has signed the kept checkpoint, among those the service has had."""
    kept = cli.state.read()["checkpoint"]
    if kept is None:
        return None
    earlier = [
        event.data["new"].decode(errors="replace")
        for event in _key_events(keys)
        if event.data["use"] == "ledger"
    ]
    for vkey in (keys.ledger_vkey, *reversed(earlier)):
        try:
            Checkpoint.verify(kept, Verifier.parse(vkey))
        except ProtocolError:
            continue
        return str(vkey)
    raise Refused(OTHER_KEY, NOTHING_SENT, reason="other_ledger_key")


def _key_events(keys: Keys) -> list[protocol.Event]:
    """Read the `key changed` entries, unproven, oldest first."""
    try:
        events = [protocol.Event.parse(b64url_decode(entry["event"])) for entry in _ordered(keys)]
    except Malformed as error:
        raise of_protocol(error, Refused) from None
    return [event for event in events if event.type == "key changed"]


def _ordered(keys: Keys) -> list[dict[str, Any]]:
    return sorted(keys.changes, key=lambda entry: int(entry["index"]))


def _follow(cli: Cli, vkey: str, keys: Keys) -> tuple[str, ...]:
    """Follow the chain from a pinned key to the present one; raises Refused where it breaks.

    Returns the keys that were left behind. Each step stands in a checkpoint that the key before
    has signed.
    """
    behind: list[str] = []
    for entry in _ordered(keys):
        if vkey == keys.ledger_vkey:
            break
        try:
            event = protocol.Event.parse(b64url_decode(entry["event"]))
        except Malformed as error:
            raise of_protocol(error, Refused) from None
        if event.type == "key changed" and event.data["old"] == vkey.encode():
            Ledger(cli, vkey, tuple(behind)).event(entry)
            behind.append(vkey)
            vkey = event.data["new"].decode(errors="replace")
    if vkey != keys.ledger_vkey:
        raise Refused(OTHER_KEY, NOTHING_SENT, reason="other_ledger_key")
    return tuple(behind)
