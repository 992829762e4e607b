"""Recoveries from the first request to the key: every proof, every stop, every release."""

from __future__ import annotations

import secrets
from functools import partial

import hypothesis.strategies as st

from escrow.protocol.encoding import b64url
from tests.model.base import WHICH, Base, Held, chosen, piece_of, recovery_of
from tests.model.expected import DAY, HOUR
from tests.model.people import Completed, Pair
from tests.model.recovery import BY_CONTACTS, BY_KIT
from tests.model.verbs import verb
from tests.recovery import proving
from tests.support.people import Session, new_id

PROOFS = ("totp", "kit", "contacts", "totp+kit", "totp+contacts")
MAIL = st.sampled_from(["fine", "fine", "fine", "fine", "contact", "customer"])
SESSION_SECONDS = {False: 15 * 60, True: 12 * HOUR}


def may_open(pair: Pair, proof: str) -> bool:
    """Tell whether this proof would open, or ask for, a recovery of this deposit now."""
    kit = proof not in BY_KIT or pair.expected.kit.state == "held"
    return kit and pair.expected.may_prove(proof) and not pair.expected.is_busy


def is_collecting(pair: Pair) -> bool:
    return recovery_of(pair).state == "collecting"


class OpeningRules(Base):
    """Asking, vouching, opening; and stopping."""

    def sign_in_for(self, pair: Pair, proof: str) -> None:
        """Sign in as this proof asks for: with the mailed code alone where the app is lost."""
        if proof.startswith("totp"):
            self.town.sign_in(pair.owner)
        else:
            self.town.sign_in_by_mail(pair.owner)

    @verb("recovery", 3, Base.pairs, which=WHICH, proof=WHICH, mail=MAIL)
    def open(self, which: int, proof: int, mail: str) -> None:
        pair = self.first_of(which, self.pairs(), lambda one: may_open(one, "totp"))
        self.open_one(pair, self.proof_for(pair, proof), mail)

    def proof_for(self, pair: Pair, which: int) -> str:
        """Choose a proof, mostly one that this deposit allows now."""
        return self.first_of(which, PROOFS, lambda proof: may_open(pair, proof))

    @verb(
        "recovery",
        4,
        lambda self: any(pair.expected.vetoers for pair in self.open_pairs()),
        which=WHICH,
        proof=st.sampled_from(["totp+kit", "totp+contacts"]),
    )
    def open_past_a_veto(self, which: int, proof: str) -> None:
        found = [pair for pair in self.open_pairs() if pair.expected.vetoers]
        self.open_one(self.first_of(which, found, lambda one: not one.expected.is_busy), proof)

    def open_one(self, pair: Pair, proof: str, mail: str = "fine") -> bool:
        """Ask for a recovery; whose mailbox is dead meanwhile says `mail`."""
        self.sign_in_for(pair, proof)
        if proof in BY_CONTACTS:
            return self._ask(pair, proof)
        recovery, now, expected = new_id(), self.town.now, pair.expected
        refused = expected.open(proof, now)
        dead = self._dead(pair, mail)
        if refused is None:
            pair.recovery = recovery
            if dead != pair.owner.customer.address:
                recovery_of(pair).notice(now, expected.waiting_seconds, is_refused=bool(dead))
        self.town.world.mailbox.refuse[dead] = "550 nobody here"
        customer, made = pair.owner.customer, pair.made
        opened = self.said(
            f"open {proof}", refused, lambda: proving.ask(customer, made, proof, recovery)
        )
        self.town.world.mailbox.refuse.clear()
        return opened

    def _dead(self, pair: Pair, mail: str) -> str:
        """Return an address that takes no mail, of the customer or of a contact who is told."""
        if mail == "customer":
            return pair.owner.customer.address
        pieces = pair.expected.custodies
        told = [
            contact.address
            for contact in pair.contacts
            if pieces[contact.custody].state not in {"declined", "withdrawn"}
        ]
        return told[0] if told and mail == "contact" else ""

    def _ask(self, pair: Pair, proof: str) -> bool:
        draft, customer = new_id(), pair.owner.customer
        refused = pair.expected.ask(draft, proof, self.town.now)
        if refused is None:
            pair.ever_asked.append(draft)
        return self.said(
            f"ask {proof}", refused, lambda: proving.ask(customer, pair.made, proof, draft)
        )

    @verb(
        "recovery",
        5,
        lambda self: any(c.payload for p in self.asked() for c in p.contacts),
        which=WHICH,
        who=WHICH,
    )
    def vouch(self, which: int, who: int) -> None:
        pair = chosen(which, [p for p in self.asked() if any(c.payload for c in p.contacts)])
        draft = chosen(which // 2, pair.ever_asked[::-1])
        self.vouch_one(chosen(who, self.holding([pair])), draft)

    def asked(self) -> list[Pair]:
        """Return the deposits with requests, first those with one that stands."""
        found = [pair for pair in self.pairs() if pair.ever_asked]
        return sorted(found, key=lambda pair: not pair.expected.drafts)

    def vouch_one(self, found: Held, draft: str) -> None:
        """Prove a request as a contact; who has done so before sends the very same proof."""
        pair, contact = found
        deposit, now, name = pair.expected, self.town.now, contact.custody
        body, at = pair.vouched.get((draft, name), (None, now))
        if draft in deposit.drafts and now - at > DAY // 2:
            return  # what was signed for an old state of the ledger is refused for that
        earlier = deposit.recovery
        refused = deposit.vouch(draft, name, now)
        if refused is None and deposit.recovery is not earlier:
            pair.recovery = draft
            recovery_of(pair).notice(now, deposit.waiting_seconds)
        assert contact.payload is not None
        if body is None:
            body = proving.proof(contact.http, contact.payload, draft)
            del body["custody"]
        path = f"/recoveries/{draft}/proofs"
        if self.said("vouch", refused, lambda: contact.http.post(path, body)):
            pair.vouched[draft, name] = (body, at)

    @verb("recovery", 2, asked, which=WHICH)
    def withdraw_a_request(self, which: int) -> None:
        pair = self.first_of(which, self.asked(), lambda one: bool(one.expected.drafts))
        self.town.sign_in_by_mail(pair.owner)
        # One that stands, if there is one: the newest may be over by itself.
        draft = next(iter(pair.expected.drafts), pair.ever_asked[-1])
        http = pair.owner.customer.http
        refused = None if pair.expected.drafts.pop(draft, None) else "not_found"
        self.said(
            "withdraw a request", refused, lambda: http.call("DELETE", f"/recoveries/{draft}")
        )

    @verb("recovery", 1, Base.recovering, which=WHICH)
    def stop(self, which: int) -> None:
        pair = self.first_of(which, self.recovering(), lambda one: one.expected.is_busy)
        self.town.sign_in(pair.owner)
        http, path = pair.owner.customer.http, f"/recoveries/{pair.recovery}/veto"
        self.said("stop", recovery_of(pair).veto(), lambda: http.post(path))

    @verb("recovery", 3, lambda self: self.holding(self.recovering()), which=WHICH)
    def contact_stops(self, which: int) -> None:
        holding = self.holding(self.recovering())
        pair, contact = self.first_of(which, holding, lambda one: one[0].expected.is_busy)
        refused = pair.expected.veto(contact.custody)
        path = f"/recoveries/{pair.recovery}/veto"
        self.said("contact stops", refused, lambda: contact.http.post(path))


class CollectingRules(OpeningRules):
    """Beginning, calling, releasing, completing."""

    @verb("recovery", 2, Base.recovering, which=WHICH)
    def begin(self, which: int) -> None:
        ready = {"ready", "collecting"}
        self.begin_one(
            self.first_of(which, self.recovering(), lambda one: recovery_of(one).state in ready)
        )

    def begin_one(self, pair: Pair) -> bool:
        proof = recovery_of(pair).proof
        self.sign_in_for(pair, proof)
        refused = recovery_of(pair).begin(pair.expected.kit, self.town.now)
        session = Session(pair.owner.customer.http, pair.made, pair.recovery)
        if refused is None:
            pair.session = session
        return self.said("begin", refused, lambda: proving.begin(session, proof))

    @verb("recovery", 5, lambda self: self.holding(self.begun()), which=WHICH)
    def release(self, which: int) -> None:
        self.release_one(self._who_releases(which))

    def _who_releases(self, which: int) -> Held:
        live = self.live()
        return self.first_of(which, self.holding(self.begun()), lambda one: one[0] in live)

    def release_one(self, found: Held) -> None:
        """Release a piece, with a call before it where there may be one."""
        pair, contact = found
        session = pair.session
        assert session is not None
        key = session.key.public_key()
        if session.recovery != pair.recovery:  # of an earlier recovery: refused, whatever it says
            old = contact.release(session.recovery, session.session, key)
            assert old.status == 409
            return
        self.town.sign_in(pair.owner)
        recovery, custody = recovery_of(pair), piece_of(found)
        refused = recovery.release(contact.custody, custody, self.town.now)
        if refused is None and recovery.call(custody, self.town.now) is None:
            session.call(contact)
        self.said("release", refused, lambda: contact.release(pair.recovery, session.session, key))

    @verb(
        "recovery", 8, lambda self: self.holding(self.live()), which=WHICH, calls=st.integers(1, 6)
    )
    def call(self, which: int, calls: int) -> None:
        """Begin calls that nobody answers: at most five a session."""
        found = self._who_releases(which)
        pair, contact = found
        session = pair.session
        if session is None or session.recovery != pair.recovery:
            return
        self.town.sign_in(pair.owner)
        body = {"custody": contact.custody, "commitment": b64url(secrets.token_bytes(32))}
        for _ in range(calls):
            refused = recovery_of(pair).call(piece_of(found), self.town.now)
            path = f"{session.path}/calls/{new_id()}"
            self.said("call", refused, partial(session.http.put, path, body))

    @verb("recovery", 2, Base.begun, which=WHICH)
    def complete(self, which: int) -> None:
        self.complete_one(self.first_of(which, self.begun(), is_collecting))

    def complete_one(self, pair: Pair) -> None:
        """Bring the key back from what is served, and say so with it."""
        recovery, owner = recovery_of(pair), pair.owner
        self.sign_in_for(pair, recovery.proof)
        now = self.town.now
        served = recovery.served("provider", pair.expected.needed, now)
        if "provider" in served:
            assert self.town.recover(pair) == pair.made.recovery_key
        ending = Session(owner.customer.http, pair.made, pair.recovery)
        is_new = recovery.state == "collecting"
        refused = recovery.complete()
        if is_new:
            pair.expected.completed_at = now
            if pair.expected.kind == "real":
                owner.completed = self._completed(pair, now)
        self.said("complete", refused, lambda: ending.complete(pair.made.recovery_key))

    def _completed(self, pair: Pair, now: int) -> Completed:
        owner = pair.owner
        is_full = not owner.mailed_at
        since = owner.stepped_up_at if is_full else owner.mailed_at
        until = min(now + DAY, since + SESSION_SECONDS[is_full])
        return Completed(owner.customer.http.token, until, is_full)

    # --- the long way in one step: deep states are seldom found by chance alone ---

    @verb(
        "recovery",
        4,
        lambda self: self.open_pairs(),
        which=WHICH,
        wanted=WHICH,
        steps=st.integers(1, 4),
    )
    def go_through_a_recovery(self, which: int, wanted: int, steps: int) -> None:
        """Open by any proof, wait, begin, let contacts release, complete: the first of these."""
        pair = self.first_of(which, self.open_pairs(), lambda one: may_open(one, "totp"))
        proof = self.proof_for(pair, wanted)
        if not self.open_one(pair, proof):
            return
        if proof in BY_CONTACTS:
            draft = pair.ever_asked[-1]
            for found in self.holding([pair]):
                if draft in pair.expected.drafts:
                    self.vouch_one(found, draft)
        if pair.expected.is_busy:
            self.go_on(pair, steps)

    @verb("recovery", 3, Base.busy, which=WHICH, steps=st.integers(1, 4))
    def go_on_with_a_recovery(self, which: int, steps: int) -> None:
        self.go_on(chosen(which, self.busy()), steps)

    def go_on(self, pair: Pair, steps: int) -> None:
        """Do the next steps of a recovery, as far as it lets."""
        recovery = recovery_of(pair)
        if recovery.state == "waiting":
            self.town.advance(recovery.noticed_at + recovery.wait - self.town.now)
        if steps > 1 and recovery.state == "ready":
            self.begin_one(pair)
        if steps > 2 and pair.session is not None and recovery.is_live(self.town.now):
            enough = max(1, pair.expected.needed)
            for found in self.holding([pair])[:enough]:
                self.release_one(found)
        if steps > 3 and recovery.state == "collecting":
            self.complete_one(pair)
