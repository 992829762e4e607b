"""What customers do with deposits and pieces."""

from __future__ import annotations

import hypothesis.strategies as st

from escrow.protocol import keys, release
from escrow.protocol.encoding import b64url
from tests.model.base import WHICH, Base, chosen, piece_of
from tests.model.contacts import ContactRules
from tests.model.expected import Refused
from tests.model.people import Pair
from tests.model.verbs import verb
from tests.support.people import attest

POLICIES = st.sampled_from([(2, 2), (2, 3), (1, 1), (2, 3), (0, 0)])
DAYS = st.sampled_from([1, 3, 14])


class DepositRules(ContactRules):
    """Enrolling, proving the kit, replacing, closing."""

    def put(self, verb: str, pair: Pair, refused: Refused = None) -> bool:
        """Send a deposit as its owner."""
        if refused is None:
            self.town.take_in(pair)
        http, made = pair.owner.customer.http, pair.made
        return self.said(verb, refused, lambda: http.put(f"/deposits/{made.deposit}", made.body))

    def everybody_accepts(self, pair: Pair) -> None:
        """Prove the kit and accept all invitations, at one and the same moment."""
        self.fetch(pair.contacts)
        self.attest_kit(pair, is_last=not pair.contacts)
        for contact in pair.contacts:
            self.accept_one((pair, contact), is_last=contact is pair.contacts[-1])

    @verb(
        "pieces",
        2,
        Base.has_room,
        who=WHICH,
        policy=POLICIES,
        days=DAYS,
        whole=st.sampled_from([True, True, False]),
    )
    def enrol(self, who: int, policy: tuple[int, int], days: int, whole: bool) -> None:
        """Enrol; mostly the kit is proven too, and all contacts accept."""
        owner = chosen(who, self.people())
        self.town.sign_in(owner)
        pair = self.town.describe(owner, policy, days)
        self.put("enrol", pair)
        if whole:
            self.everybody_accepts(pair)

    @verb(
        "ends",
        3,
        lambda self: self.pairs() and self.has_room(),
        which=WHICH,
        policy=POLICIES,
        days=DAYS,
        whole=st.booleans(),
        signs=st.sampled_from([None, False, True]),
    )
    def replace(
        self, which: int, policy: tuple[int, int], days: int, whole: bool, signs: bool | None
    ) -> None:
        """Enrol what replaces another; `signs` with the old key, before the new one is whole."""
        old = self.pair(which)
        self.town.sign_in(old.owner)
        new = self.town.describe(old.owner, policy, days, old)
        cannot = old.expected.state == "closed" or old.expected.kind == "drill"
        if not self.put("replace", new, "malformed" if cannot else None):
            return
        if signs:
            self._sign(new, old)
        if whole:
            self.everybody_accepts(new)

    @verb("ends", 2, lambda self: any(pair.expected.replaces for pair in self.pairs()), which=WHICH)
    def sign_a_replacement(self, which: int) -> None:
        new = chosen(which, [pair for pair in self.pairs() if pair.expected.replaces])
        old = next(pair for pair in self.town.pairs if pair.expected is new.expected.replaces)
        self._sign(new, old)

    def _sign(self, new: Pair, old: Pair) -> None:
        self.town.sign_in(old.owner)
        owner = keys.owner_key(old.made.recovery_key, old.made.deposit)
        signature = release.sign_replaced(owner, old.made.deposit, new.made.manifest.hash)
        body = {"by": new.made.deposit, "signature": b64url(signature)}
        http = old.owner.customer.http
        expected = new.expected.sign(old.expected, self.town.now)
        path = f"/deposits/{old.made.deposit}/replaced"
        self.said("sign a replacement", expected, lambda: http.post(path, body))

    @verb("pieces", 2, Base.pairs, which=WHICH, means=st.sampled_from(["share", "share", "check"]))
    def prove_the_kit(self, which: int, means: str) -> None:
        self.attest_kit(self.pair(which), means)

    def attest_kit(self, pair: Pair, means: str = "share", *, is_last: bool = True) -> None:
        kit, is_closed = pair.expected.kit, pair.expected.state == "closed"
        verb = "come back" if kit.state == "lost" else "prove the kit"
        expected = kit.attest(means, self.town.now, is_closed=is_closed)
        manifest, payload = pair.made.manifest, pair.made.payloads[0]
        http = self.town.world.http()
        self.said(verb, expected, lambda: attest(http, manifest, payload, means), is_last=is_last)

    @verb(
        "pieces",
        3,
        Base.invited,
        which=WHICH,
        what=st.sampled_from(["withdraw", "resume", "resume", "lost"]),
    )
    def say_of_a_contacts_piece(self, which: int, what: str) -> None:
        found = self.first_of(which, self.invited(), lambda one: piece_of(one).state == "invited")
        self.town.sign_in(found[0].owner)
        if what == "resume":
            is_closed = found[0].expected.state == "closed"
            expected = piece_of(found).resume(self.town.now, is_closed=is_closed)
        elif what == "withdraw":
            expected = self.leave(found[0], piece_of(found), "withdrawn", "invited")
        else:
            expected = self.leave(found[0], piece_of(found), "lost", "invited", "held")
        http, path = found[0].owner.customer.http, f"/custodies/{found[1].custody}/{what}"
        self.said(what, expected, lambda: http.post(path))

    @verb("pieces", 1, Base.pairs, which=WHICH)
    def lose_the_kit(self, which: int) -> None:
        pair = self.pair(which)
        self.town.sign_in(pair.owner)
        expected = self.leave(pair, pair.expected.kit, "lost", "invited", "held")
        http = pair.owner.customer.http
        self.said("lost", expected, lambda: http.post(f"/custodies/{pair.kit}/lost"))

    @verb("ends", 2, Base.pairs, which=WHICH)
    def close(self, which: int) -> None:
        pair = self.pair(which)
        self.town.sign_in(pair.owner)
        http, path = pair.owner.customer.http, f"/deposits/{pair.made.deposit}/close"
        expected = pair.expected.close(self.town.now)
        self.said("close", expected, lambda: http.post(path, {"reason": "no longer needed"}))

    @verb("ends", 2, Base.pairs, which=WHICH)
    def reopen(self, which: int) -> None:
        pair = self.pair(which)
        self.town.sign_in(pair.owner)
        http, path = pair.owner.customer.http, f"/deposits/{pair.made.deposit}/reopen"
        self.said("reopen", pair.expected.reopen(), lambda: http.post(path))
