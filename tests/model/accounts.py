"""What customers do with their account: close it, and what its authenticator goes through."""

from __future__ import annotations

import hypothesis.strategies as st

from tests.model.base import PEOPLE, WHICH, Base, chosen
from tests.model.expected import Refused
from tests.model.people import Someone
from tests.model.verbs import verb
from tests.support.people import Answer


class AccountRules(Base):
    """Closing an account, and what the authenticator goes through."""

    @verb("ends", 1, lambda self: len(self.people()) < PEOPLE)
    def somebody_else_arrives(self) -> None:
        self.town.arrive()

    @verb("ends", 1, Base.people, who=WHICH)
    def close_the_account(self, who: int) -> None:
        owner = chosen(who, self.people())
        self.town.sign_in(owner)
        http, path = owner.customer.http, f"/accounts/{owner.customer.account}/close"
        expected = owner.account.close(self.town.deposits_of(owner), self.town.now)
        self.said("close the account", expected, lambda: http.post(path, {"reason": "moving"}))

    @verb("ends", 1, Base.people, who=WHICH)
    def reopen_the_account(self, who: int) -> None:
        owner = chosen(who, self.people())
        self.town.sign_in(owner)
        http, path = owner.customer.http, f"/accounts/{owner.customer.account}/reopen"
        expected = owner.account.reopen(self.town.deposits_of(owner))
        self.said("reopen the account", expected, lambda: http.post(path))

    @verb("recovery", 1, Base.people, who=WHICH)
    def change_the_authenticator(self, who: int) -> None:
        """Set a new one with a code of the old one; all other full sessions are over."""
        owner = chosen(who, self.people())
        self.town.sign_in(owner)
        now, customer, account = self.town.now, owner.customer, owner.account
        path = f"/accounts/{customer.account}/totp"
        secret = str(customer.http.post(path).ok()["totp_secret"])
        done = owner.completed
        if done and done.token == customer.http.token and now < done.until:
            expected = self._reset(owner)
        else:
            expected = account.attempts.attempt(now, is_right=True)
        if expected is None:
            self.town.change_totp(owner, secret)
            owner.stepped_up_at = now
            if done and done.is_full and done.token != customer.http.token:
                owner.completed = None
        code = {"code": self.town.code_of(secret)}
        self.said(
            "change the authenticator",
            expected,
            lambda: customer.http.post(f"{path}/confirm", code),
        )

    @verb("recovery", 6, lambda self: any(one.completed for one in self.people()), who=WHICH)
    def set_a_new_authenticator(self, who: int) -> None:
        """Who has completed a recovery needs no code of the old one, in that sign-in."""
        owner = chosen(who, [one for one in self.people() if one.completed])
        done, customer, now = owner.completed, owner.customer, self.town.now
        assert done is not None
        http, path = self.town.world.http(), f"/accounts/{customer.account}/totp"
        http.token = done.token
        if now >= done.until:
            self.said("set a new authenticator", "unauthenticated", lambda: http.post(path))
            owner.completed = None
            return
        secret = str(http.post(path).ok()["totp_secret"])
        expected = self._reset(owner)
        if expected is None:
            self.town.change_totp(owner, secret)
        code = {"code": self.town.code_of(secret)}
        is_same = customer.http.token == done.token
        answers: list[Answer] = []

        def confirm() -> Answer:
            answers.append(http.post(f"{path}/confirm", code))
            return answers[0]

        if self.said("set a new authenticator", expected, confirm):
            self._entered(owner, str(answers[0].json["token"] or done.token), is_same=is_same)

    def _entered(self, owner: Someone, token: str, *, is_same: bool) -> None:
        """Note which sign-ins are over: the one by mail that did it, and all other full ones."""
        done = owner.completed
        assert done is not None
        if is_same or not owner.mailed_at:
            owner.customer.http.token = token
            owner.stepped_up_at, owner.mailed_at = self.town.now, 0
        if not done.is_full:
            owner.completed = None

    def _reset(self, owner: Someone) -> Refused:
        counts, now = owner.account.counts, self.town.now
        if counts.is_full("reset", now):
            return "rate_limited"
        counts.add("reset", now)
        return None

    @verb("recovery", 1, Base.people, who=WHICH, tries=st.integers(1, 7))
    def guess(self, who: int, tries: int) -> None:
        """Somebody with the customer's mailbox guesses codes: five in a quarter of an hour."""
        owner = chosen(who, self.people())
        self.town.count_code(owner)
        thief = self.town.twin_of(owner)
        thief.mail_login()
        wrong = self.town.wrong_code(owner)
        body = {"account": thief.account, "code": wrong}
        path = f"/logins/{thief.login}/totp"
        for _ in range(tries):
            expected = owner.account.attempts.attempt(self.town.now, is_right=False)
            self.said("guess", expected, lambda: thief.http.post(path, body))
