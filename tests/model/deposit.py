"""What the pages say of one deposit: opening, closing, replacing, and what is never destroyed."""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.model.expected import DAY, Account, Counts, Custody, Refused
from tests.model.recovery import BY_CONTACTS, BY_KIT, ENDED, PAST_VETO, Draft, Recovery, wait_of

DRAFTS = 5
_ORDER = ("pending", "active", "complete")


@dataclass(eq=False)
class Deposit:
    """One deposit: its pieces by name, its drafts by identifier, the newest of its recoveries.

    `ends_for` is the deposit by which this one is, or was, to be replaced, `ended_for` all of them
    so far; `vetoers` are the contacts who have stopped a recovery of it; `is_signed`: the owner key
    of what this one replaces has said that it may go; `is_news`: it has just become complete.
    """

    account: Account
    waiting_seconds: int
    needed: int
    custodies: dict[str, Custody]
    kind: str = "real"
    replaces: Deposit | None = None
    state: str = "pending"
    before: str = ""
    closing_at: int = 0
    closing_by: str = ""
    ends_for: Deposit | None = None
    ended_for: list[Deposit] = field(default_factory=list)
    undone_by_contact: bool = False
    is_signed: bool = False
    replacements: list[Deposit] = field(default_factory=list)
    recovery: Recovery | None = None
    drafts: dict[str, Draft] = field(default_factory=dict)
    proven: dict[str, set[str]] = field(default_factory=dict)
    vetoers: set[str] = field(default_factory=set)
    completed_at: int = 0
    is_news: bool = False
    counts: Counts = field(default_factory=Counts)

    # --- becoming whole ---

    @property
    def kit(self) -> Custody:
        return self.custodies["kit"]

    def contacts(self) -> dict[str, Custody]:
        return {name: c for name, c in self.custodies.items() if c.role == "contact"}

    def settle(self) -> None:
        """Become active and complete as pieces are held; what was once held counts for ever."""
        if self.state == "closed" or not self.kit.has_held:
            return
        enough = sum(c.has_held for c in self.contacts().values()) >= self.needed
        self._advance("complete" if enough else "active")

    def _advance(self, state: str) -> None:
        now = self.before if self.state == "closing" else self.state
        if _ORDER.index(now) >= _ORDER.index(state):
            return
        if self.state == "closing":
            self.before = state
        else:
            self.state = state
        self.is_news = state == "complete"

    # --- opening ---

    @property
    def is_busy(self) -> bool:
        return self.recovery is not None and self.recovery.state not in ENDED

    def provers(self) -> set[str]:
        """Return the contacts who can vouch: they hold their piece and have stopped nothing."""
        return {n for n, c in self.contacts().items() if c.state == "held"} - self.vetoers

    def may_prove(self, proof: str) -> bool:
        if self.state not in {"active", "complete", "closing"}:
            return False
        if proof in PAST_VETO and not self.vetoers:
            return False
        if proof in BY_CONTACTS and not 1 <= self.needed <= len(self.provers()):
            return False
        # The customer has chosen nothing: two and more contacts replace the authenticator.
        return proof != "contacts" or self.needed >= 2

    def open(self, proof: str, now: int) -> Refused:
        if not self.may_prove(proof) or (proof in BY_KIT and self.kit.state != "held"):
            return "wrong_state"
        return self._insert(proof, now)

    def _insert(self, proof: str, now: int) -> Refused:
        if self.is_busy:
            return "wrong_state"
        if self.account.opened_too_many(self.kind, now):
            return "rate_limited"
        self.account.opened[self.kind].append(now)
        is_drill = self.kind == "drill"
        least = 0 if is_drill else wait_of(proof, self.waiting_seconds)
        self.recovery = Recovery(self.account, proof, now, least, is_drill)
        return None

    def ask(self, draft: str, proof: str, now: int) -> Refused:
        if not self.may_prove(proof):
            return "wrong_state"
        if sum(d.stands(now) for d in self.drafts.values()) >= DRAFTS:
            return "rate_limited"
        self.drafts[draft] = Draft(proof, now)
        return None

    def vouch(self, draft: str, name: str, now: int) -> Refused:
        """Prove a draft; the last proof that is needed opens the recovery, or none was given."""
        found = self.drafts.get(draft)
        if found is None and draft in self.proven:
            return None if name in self.proven[draft] else "wrong_state"
        if found is None:
            return "not_found"
        if not self.may_prove(found.proof) or name not in self.provers():
            return "wrong_state"
        given = found.given | {name}
        if len(given & self.provers()) >= self.needed:
            refused = self._insert(found.proof, now)
            if refused is not None:
                return refused
            del self.drafts[draft]
            self.proven[draft] = given
        found.given = given
        return None

    def veto(self, name: str) -> Refused:
        """Let a contact stop the recovery: it counts once."""
        assert self.recovery is not None
        was_over = self.recovery.state == "cancelled"
        refused = self.recovery.veto(self.custodies[name])
        if refused is None and not was_over:
            self.vetoers.add(name)
        return refused

    # --- closing ---

    @property
    def is_closing_by_itself(self) -> bool:
        """Tell whether somebody has said so, and not a replacement."""
        return self.state == "closing" and self.ends_for is None

    def close(self, now: int, by: str = "customer", until: int | None = None) -> Refused:
        if self.state == "closed" or (self.state == "closing" and by != "customer"):
            return "wrong_state"
        if self.is_closing_by_itself:
            return None
        if self.counts.is_full("close", now):
            return "rate_limited"
        self.counts.add("close", now)
        self._schedule(until or now + (0 if self.kind == "drill" else 30 * DAY), by)
        self.weakened()
        return None

    def _schedule(self, until: int, by: str, successor: Deposit | None = None) -> None:
        if self.state != "closing":
            self.before, self.state = self.state, "closing"
        self.closing_at = until
        self.closing_by, self.ends_for = by, successor

    def reopen(self, contact: Custody | None = None) -> Refused:
        """Undo a closing. Against the customer's own will a contact's undo counts once."""
        if contact is not None and not contact.may_stop:
            return "wrong_state"
        if self.state != "closing":
            return "wrong_state" if self.state == "closed" else None
        if contact is not None and self.closing_by == "customer":
            if self.undone_by_contact:
                return "wrong_state"
            self.undone_by_contact = True
        self._keep()
        if self.account.state == "closing":  # a key that is kept keeps the account
            self.account.state = "active"
        for new in self.replacements:
            new.is_signed = False
        return None

    def _keep(self) -> None:
        self.state, self.ends_for = self.before, None

    def _destroy(self) -> None:
        self.state = "closed"
        self.custodies["provider"].state = "destroyed"
        self.weakened()

    # --- replacing ---

    @property
    def is_whole(self) -> bool:
        held = sum(c.state == "held" for c in self.contacts().values())
        ours = {self.kit.state, self.custodies["provider"].state}
        return self.state == "complete" and ours == {"held"} and held >= self.needed

    @property
    def is_covered(self) -> bool:
        """Tell whether something whole stands in this one's place, directly or down the chain."""
        return any(
            new.is_whole or (new.ends_for is not None and new.is_covered)
            for new in self.replacements
        )

    def sign(self, old: Deposit, now: int) -> Refused:
        """Say with the old owner key that this one takes the old one's place."""
        if self.state not in _ORDER:
            return "wrong_state"
        if old.counts.is_full("replaced", now):
            return "rate_limited"
        old.counts.add("replaced", now)
        self.is_signed = old.state != "closed"
        return None

    def carry_out(self, now: int) -> None:
        """Close what this one replaces: at once if the old key has signed, else in 30 days.

        Without the old key's word that is done once, on the news that this one is complete.
        """
        old, is_news, self.is_news = self.replaces, self.is_news, False
        if old is None or old.state == "closed":
            self.is_signed = False
        elif self.is_whole and self.is_signed:
            if not old.is_busy:
                old.ends_for, self.is_signed = self, False
                old._destroy()
        elif is_news and self.is_whole and old.state != "closing" and self not in old.ended_for:
            old.ended_for.append(self)
            old._schedule(now + 30 * DAY, "customer", self)

    def weakened(self) -> None:
        """Keep what is closing because of this one, unless something whole stands in its place."""
        old = self.replaces
        while old is not None and old.state == "closed":
            old = old.replaces
        if old is not None and old.state == "closing" and old.ends_for and not old.is_covered:
            old._keep()

    # --- time ---

    def deadlines(self) -> list[int]:
        found = [at for custody in self.custodies.values() for at in custody.deadlines()]
        found += [draft.asked_at + 7 * DAY for draft in self.drafts.values()]
        if self.state == "closing":
            found.append(self.closing_at)
        return found + (self.recovery.deadlines() if self.recovery else [])

    def tick(self, now: int) -> None:
        if self.recovery is not None:
            self.recovery.tick(now)
        self.drafts = {name: d for name, d in self.drafts.items() if d.stands(now)}
        for custody in self.custodies.values():
            custody.tick(now)
        if self.state == "closing" and now >= self.closing_at and not self.is_busy:
            if self.ends_for is not None and not self.is_covered:
                self._keep()
            else:
                self._destroy()
        self.carry_out(now)
