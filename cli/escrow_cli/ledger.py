"""The client's eye on the ledger: key pinned, history only ever continued, entries really in it.

What is kept is the newest checkpoint, a note signed by the ledger's key: so it pins the key too.
Without one the client says "first look": it cannot know whether others are shown the same.
Source: PROTOCOL.md sections 6, 10 and 12.
"""

from __future__ import annotations

from typing import Any

from escrow.i18n import N_
from escrow.protocol import ledger as protocol
from escrow.protocol import note as notes
from escrow.protocol.encoding import b64url_decode
from escrow.protocol.errors import ProtocolError
from escrow.protocol.note import Checkpoint, Verifier
from escrow_cli.context import Cli
from escrow_cli.errors import NOTHING_SENT, Refused, of_protocol

REWOUND = N_("The ledger shows an older state than the one that you have seen: it was rewound.")
FORKED = N_("The ledger shows another history than the one that you have seen.")
OTHER_KEY = N_("The service shows another ledger key than the one that you know.")


class Ledger:
    """The ledger of one service, by one pinned key. `first_look` is true without history.

    `earlier` are keys from which this one was reached: they count for what was kept, never for
    what the service says now.
    """

    def __init__(self, cli: Cli, vkey: str, earlier: tuple[str, ...] = ()) -> None:
        self._cli = cli
        self.verifier = self._parse(vkey)
        self._earlier = tuple(self._parse(one) for one in earlier)
        self.first_look = True
        self._seen: list[Checkpoint] = []
        kept = cli.state.read()["checkpoint"]
        if kept is not None:
            self.remember(kept)

    @staticmethod
    def _parse(vkey: str) -> Verifier:
        try:
            return Verifier.parse(vkey)
        except ProtocolError as error:
            raise of_protocol(error, Refused) from None

    def remember(self, note: str) -> None:
        """Take up a checkpoint from paper or a file (empty: none): history must continue it."""
        if not note:
            return
        for verifier in (self.verifier, *self._earlier):
            try:
                self._seen.append(Checkpoint.verify(note, verifier))
            except ProtocolError:
                continue
            self.first_look = False
            return
        raise Refused(OTHER_KEY, NOTHING_SENT, reason="other_ledger_key")

    def newest(self) -> Checkpoint:
        """Fetch the newest checkpoint; refuse unless it continues all that was seen."""
        return self._continue(self._cli.client.get("ledger/checkpoint")["checkpoint"])

    def event(self, entry: dict[str, Any], proof: str | None = None) -> protocol.Event:
        """Return an entry's event after proving that it stands in the ledger."""
        index = entry["index"]
        if proof is None:
            proof = self._cli.client.get(f"ledger/proof/{index}")["proof"]
        try:
            raw = b64url_decode(entry["event"])
            parsed = protocol.Proof.parse(proof)
            if parsed.index != index:
                raise ProtocolError("another entry", code="wrong_proof")
            leaf = protocol.leaf_data(b64url_decode(entry["nonce"]), raw)
            parsed.verify(leaf, self.verifier)
            event = protocol.Event.parse(raw)
        except ProtocolError as error:
            raise of_protocol(error, Refused) from None
        self._continue(parsed.checkpoint, may_be_older=True)
        return event

    def _verified(self, note: str) -> Checkpoint:
        try:
            return Checkpoint.verify(note, self.verifier)
        except ProtocolError as error:
            raise of_protocol(error, Refused) from None

    def _continue(self, note: str, *, may_be_older: bool = False) -> Checkpoint:
        """Check a note against every checkpoint seen, then keep it if it is the newest."""
        checkpoint = self._verified(note)
        for seen in self._seen:
            older, newer = sorted((seen, checkpoint), key=lambda one: one.size)
            if checkpoint.size < seen.size and not may_be_older:
                raise Refused(REWOUND, NOTHING_SENT, reason="rewound")
            self._check_consistent(older, newer)
        if all(checkpoint.size > seen.size for seen in self._seen):
            self._keep(note, checkpoint)
        return checkpoint

    def _check_consistent(self, older: Checkpoint, newer: Checkpoint) -> None:
        """Refuse unless `newer` continues `older`: both lie on the way to the server's newest."""
        if older.size == newer.size:
            if older.root != newer.root:
                raise Refused(FORKED, NOTHING_SENT, reason="forked")
            return
        latest = self._prove(older)
        if latest.size < newer.size:
            raise Refused(REWOUND, NOTHING_SENT, reason="rewound")
        if latest.size > newer.size:
            latest = self._prove(newer)
        elif latest.root != newer.root:
            raise Refused(FORKED, NOTHING_SENT, reason="forked")

    def _prove(self, old: Checkpoint) -> Checkpoint:
        """Fetch and check the proof that the server's newest checkpoint continues `old`."""
        answer = self._cli.client.get("ledger/consistency", old=old.size)
        latest = self._verified(answer["checkpoint"])
        try:
            proof = [b64url_decode(sibling) for sibling in answer["proof"]]
            protocol.check_consistent(old, latest, proof)
        except ProtocolError:
            raise Refused(FORKED, NOTHING_SENT, reason="forked") from None
        return latest

    def _keep(self, note: str, checkpoint: Checkpoint) -> None:
        self._seen = [checkpoint]
        with self._cli.state.change() as found:
            kept = found["checkpoint"]
            if kept is None or _size(kept) < checkpoint.size:
                found["checkpoint"] = note


def _size(kept: str) -> int:
    """Return the size in a checkpoint that was verified when it was kept."""
    return Checkpoint.parse(notes.split_note(kept)[0]).size


def say_look(cli: Cli, ledger: Ledger) -> None:
    """Say honestly how much the ledger's check is worth on this machine."""
    digits = ledger.verifier.key_digits()
    if ledger.first_look:
        cli.terminal.say(
            cli.t.gettext(
                "Ledger key {digits}: first look. It is kept from now on; compare the digits with "
                "those on a kit or card.",
                digits=digits,
            )
        )
    else:
        cli.terminal.say(
            cli.t.gettext("Ledger key {digits}: continues what was seen before.", digits=digits)
        )
