"""What contacts do with their piece: accept, prove, move, leave and come back."""

from __future__ import annotations

import secrets

import hypothesis.strategies as st

from escrow.protocol.encoding import b64url
from escrow.protocol.move import Move
from tests.deposit.test_contacts_moving import reach, send
from tests.model.base import WHICH, Base, Held, chosen, piece_of
from tests.model.expected import Custody, Refused
from tests.model.people import Pair
from tests.model.verbs import verb
from tests.support.people import Answer, Contact, attest


class ContactRules(Base):
    """A contact's life, but for recoveries."""

    def leave(self, pair: Pair, custody: Custody, state: str, *before: str) -> Refused:
        """Let a piece go in the model; what its deposit replaces may be kept because of it."""
        was = custody.state
        is_closed = pair.expected.state == "closed"
        refused = custody.leave(state, self.town.now, *before, is_closed=is_closed)
        if refused is None and was != state:
            pair.expected.weakened()
        return refused

    @verb("pieces", 3, Base.invited, which=WHICH)
    def accept(self, which: int) -> None:
        found = self.first_of(which, self.invited(), lambda one: piece_of(one).state == "invited")
        if found[0].expected.state == "closed":
            return
        if piece_of(found).state == "invited" and not piece_of(found).paused:
            self.fetch([found[1]])
        self.accept_one(found)

    def fetch(self, contacts: list[Contact]) -> None:
        """Fetch invitations; their entries are sequenced before anybody can accept."""
        for contact in contacts:
            self.town.world.record_fetch(contact)
        self.town.run()

    def accept_one(self, found: Held, *, is_last: bool = True) -> None:
        """Accept an invitation by proving the piece in it; it has been fetched already."""
        contact, expected = found[1], piece_of(found).accept()

        def act() -> Answer:
            if expected is None:
                contact.accept()
                return Answer(200, {})
            assert contact.link is not None
            body = {"token": b64url(contact.link.fetch_token(contact.custody))}
            path = f"/custodies/{contact.custody}/invitation"
            return self.town.world.http().post(path, body)

        self.said("accept", expected, act, is_last=is_last)

    @verb(
        "pieces",
        3,
        lambda self: self.holding(self.pairs()),
        which=WHICH,
        means=st.sampled_from(["share", "share", "share", "check"]),
    )
    def prove(self, which: int, means: str) -> None:
        """Prove the piece; one that was declined or said to be lost comes back with it."""
        holding = self.holding(self.pairs())
        found = self.first_of(which, holding, lambda one: piece_of(one).state != "held")
        pair, contact = found
        custody = piece_of(found)
        verb = "come back" if custody.state in {"declined", "lost"} else "check"
        is_closed = pair.expected.state == "closed"
        expected = custody.attest(means, self.town.now, is_closed=is_closed)
        manifest, payload = contact.manifest, contact.payload
        assert manifest is not None and payload is not None
        self.said(verb, expected, lambda: attest(contact.http, manifest, payload, means))

    @verb("pieces", 1, lambda self: self.holding(self.pairs()), which=WHICH)
    def decline(self, which: int) -> None:
        holding = self.holding(self.pairs())
        found = self.first_of(which, holding, lambda one: piece_of(one).state == "held")
        expected = self.leave(found[0], piece_of(found), "declined", "invited", "held")
        path = f"/custodies/{found[1].custody}/decline"
        self.said("decline", expected, lambda: found[1].http.post(path))

    @verb("pieces", 1, lambda self: self.holding(self.pairs()), which=WHICH)
    def lose(self, which: int) -> None:
        holding = self.holding(self.pairs())
        found = self.first_of(which, holding, lambda one: piece_of(one).state == "held")
        expected = self.leave(found[0], piece_of(found), "lost", "invited", "held")
        path = f"/custodies/{found[1].custody}/lost"
        self.said("lost by contact", expected, lambda: found[1].http.post(path))

    @verb(
        "pieces",
        2,
        lambda self: self.holding(self.pairs()),
        which=WHICH,
        twice=st.sampled_from([False, False, True]),
    )
    def move(self, which: int, twice: bool) -> None:
        """Name another address, signed with the piece; `twice` in one second is refused."""
        for _ in range(1 + twice):
            self._move(chosen(which, self.holding(self.pairs())))

    def _move(self, found: Held) -> None:
        pair, contact = found
        address = f"{secrets.token_hex(8)}@moved.test"
        previous = pair.commitments[contact.custody]
        to = Move(contact.name, address, secrets.token_bytes(16), previous)
        is_closed = found[0].expected.state == "closed"
        expected = piece_of(found).move(self.town.now, is_closed=is_closed)
        if not is_closed:
            reach(self.town.world, contact, address)
        if self.said("move", expected, lambda: send(contact, to.data)):
            contact.address = address
            pair.commitments[contact.custody] = to.commitment()

    @verb("ends", 2, lambda self: self.holding(self.pairs()), which=WHICH)
    def reopen_as_contact(self, which: int) -> None:
        holding = self.holding(self.pairs())
        found = self.first_of(which, holding, lambda one: one[0].expected.state == "closing")
        expected = found[0].expected.reopen(piece_of(found))
        path = f"/deposits/{found[0].made.deposit}/reopen"
        self.said("reopen as contact", expected, lambda: found[1].http.post(path))
