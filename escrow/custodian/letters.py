"""Letters that the custodian writes, each from a sequenced entry: rows for the outbox.

The key of a letter names the entry, the address and the message, so that a repeat writes no second
one. A link opens a page; the button on it is a POST, and its token stands in the link's fragment.
A letter about a recovery is of that recovery's thread, any other of its deposit's.
"""

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy.orm import Session

from escrow.account.models import Account
from escrow.custodian.entries import Entry
from escrow.custodian.recipients import Recipient, contact_recipients, customer_recipients
from escrow.custodian.service import Custodian
from escrow.deposit import custodies
from escrow.deposit.models import CustodyRow, Deposit
from escrow.i18n import translator
from escrow.mail import outbox, tokens
from escrow.recovery import machine
from escrow.recovery.flow import times_of
from escrow.recovery.models import Recovery
from escrow.recovery.proofs import PAST_VETO

MAX_REASON_LENGTH = 200  # characters: what an approval may have
TOKEN_SECONDS = 60 * 86400
LEAVE_SECONDS = 200 * 86400  # longer than from one half-yearly letter to the next
_WITH_WAY_OUT = {"contact_thanks", "check_reminder"}
_UNDOABLE = {
    "deposit_closing",
    "deposit_closing_provider",
    "deposit_closing_replaced",
    "deposit_closing_contact",
}
_NUMBER_LENGTH = 8  # characters of a piece's number: enough to tell two cards apart
_STOPPABLE = {
    "drill_opened_customer",
    "recovery_opened_customer",
    "recovery_opened_contact",
    "recovery_ready",
    "recovery_ready_contact",
    "recovery_unfrozen",
    "recovery_unfrozen_contact",
}


def send(
    custodian: Custodian,
    db: Session,
    deposit: Deposit,
    recipient: Recipient,
    message: str,
    recovery: Recovery | None = None,
    *,
    occasion: str = "",
    extra: dict[str, str] | None = None,
) -> None:
    """Queue one letter about a deposit; `occasion` tells repeated ones apart."""
    contact = recipient.custody
    locale = _locale(db, deposit, contact)
    subject = recovery.id if recovery else deposit.id
    contents = _common(custodian, db, deposit, recipient, locale)
    contents |= _of_recovery(custodian, recovery, deposit, locale)
    contents |= _until(custodian, deposit, locale) | (extra or {})
    links = _Links(custodian, db, deposit, contact)
    if recovery is not None and message in _STOPPABLE:
        contents["link"] = links.veto(recovery)
    if message in _UNDOABLE:
        contents["link"] = links.reopen()
    if message in _WITH_WAY_OUT:
        contents |= links.ways_out()
    outbox.queue(
        db,
        custodian.web_keys,
        custodian.clock.now(),
        key=f"{message}/{subject}/{recipient.hash.hex()}/{occasion}",
        message=message,
        address=recipient.address,
        locale=locale,
        contents=contents,
        account=deposit.account,
        recovery=recovery.id if recovery else None,
        custody=contact.id if contact else None,
        is_customer=contact is None,
        thread=f"recovery/{recovery.id}" if recovery else f"deposit/{deposit.id}",
    )


def _locale(db: Session, deposit: Deposit, contact: CustodyRow | None) -> str:
    account = db.get(Account, deposit.account)
    return (contact.locale if contact else None) or (account.locale if account else "en")


def _common(
    custodian: Custodian, db: Session, deposit: Deposit, recipient: Recipient, locale: str
) -> dict[str, str]:
    settings = custodian.settings
    label = custodian.web_keys.decrypt(custodies.LABEL, deposit.id, deposit.account, deposit.label)
    told = customer_recipients(custodian, db, deposit.account).recipients
    return {
        "label": label,
        "customer": told[0].address if told else "",
        "name": recipient.name or "",
        "phrase": recipient.phrase or "",
        "deposit_link": f"{settings.public_url}/deposits/{deposit.id}",
        "made": translator(locale, settings.zone).date(deposit.created_at),
        "number": _number(recipient.custody),
        "custody_link": (
            f"{settings.public_url}/contact/{recipient.custody.id}" if recipient.custody else ""
        ),
    }


def _number(contact: CustodyRow | None) -> str:
    """Return how the number on a contact's card begins, grouped as it is printed there."""
    begins = contact.id[:_NUMBER_LENGTH] if contact else ""
    return " ".join(begins[at : at + 4] for at in range(0, len(begins), 4))


def _of_recovery(
    custodian: Custodian, recovery: Recovery | None, deposit: Deposit, locale: str
) -> dict[str, str]:
    if recovery is None:
        return {}
    times = times_of(recovery)
    write = translator(locale, custodian.settings.zone).moment
    opened_at = recovery.unfrozen_at or recovery.opened_at
    soonest = times.ready_at or opened_at + recovery.wait_seconds
    return {
        "opened": write(recovery.opened_at),
        "ready": write(soonest),
        "expires": write(times.expires_at) if times.expires_at else "",
    }


def _until(custodian: Custodian, deposit: Deposit, locale: str) -> dict[str, str]:
    if deposit.closing_at is None:
        return {}
    return {"until": translator(locale, custodian.settings.zone).date(deposit.closing_at)}


@dataclass(frozen=True)
class _Links:
    """Makes links for one person: each opens a page, and its token stands in the fragment."""

    custodian: Custodian
    db: Session
    deposit: Deposit
    contact: CustodyRow | None

    def _make(self, purpose: str, page: str, recovery: str | None = None) -> str:
        custodian, deposit = self.custodian, self.deposit
        token = tokens.issue(
            self.db,
            custodian.web_keys,
            custodian.clock.now(),
            purpose,
            account=deposit.account,
            deposit=deposit.id,
            custody=self.contact.id if self.contact else None,
            recovery=recovery,
            lifetime=TOKEN_SECONDS if purpose in {"veto", "reopen"} else LEAVE_SECONDS,
        )
        return f"{custodian.settings.public_url}/{page}#{token}"

    def _may_stop(self) -> bool:
        return self.contact is None or custodies.may_stop(self.contact)

    def veto(self, recovery: Recovery) -> str:
        """Stop this recovery: for the customer and for who has held a piece.

        Who is invited can stop nothing yet, and is led to where the invitation is declined.
        """
        if self.contact is not None and self.contact.state == "invited":
            return self._decline(self.contact)
        if not self._may_stop():
            return self.custodian.settings.public_url
        return self._make("veto", f"veto/{recovery.id}", recovery.id)

    def reopen(self) -> str:
        """Undo the closing of the deposit, as long as it can be undone."""
        if not self._may_stop():
            return self.custodian.settings.public_url
        return self._make("reopen", f"reopen/{self.deposit.id}")

    def ways_out(self) -> dict[str, str]:
        """Stop being a contact, and report the piece lost, without the piece."""
        if self.contact is None:
            return {}
        return {
            "stop_link": self._decline(self.contact),
            "lost_link": self._make("lost", f"contact/{self.contact.id}/lost"),
        }

    def _decline(self, contact: CustodyRow) -> str:
        return self._make("decline", f"contact/{contact.id}/stop")


def tell_customer(
    custodian: Custodian,
    db: Session,
    deposit: Deposit,
    message: str,
    extra: dict[str, str] | None = None,
    *,
    entry: Entry | None = None,
    occasion: str = "",
) -> None:
    """Write to all of the customer's addresses about a deposit."""
    more = dict(extra or {})
    if entry is not None and entry.event.custody is not None:
        more["contact"] = name_of(custodian, db, entry.event.custody)
    occasion = entry.event.id if entry else occasion
    for recipient in customer_recipients(custodian, db, deposit.account).recipients:
        send(custodian, db, deposit, recipient, message, occasion=occasion, extra=more)


def tell_contacts(
    custodian: Custodian,
    db: Session,
    deposit: Deposit,
    message: str,
    *,
    only: str | None = None,
    holders: bool = False,
    entry: Entry | None = None,
    occasion: str = "",
    extra: Callable[[str], dict[str, str]] | None = None,
) -> None:
    """Write to the contacts of a deposit, or to one of them, even if that one has left.

    With `holders`, only to who has ever held a piece: a card that he never had is no news.
    `extra` is called with the language and fills more places.
    """
    occasion = entry.event.id if entry else occasion
    told = contact_recipients(custodian, db, deposit, only=only, holders=holders)
    for recipient in told.recipients:
        more = extra(_locale(db, deposit, recipient.custody)) if extra else None
        send(custodian, db, deposit, recipient, message, occasion=occasion, extra=more)


def tell_about_recovery(custodian: Custodian, db: Session, entry: Entry, message: str) -> None:
    """Write to everybody who was told of a recovery what became of it."""
    recovery = db.get(Recovery, entry.event.recovery)
    deposit = db.get(Deposit, entry.event.deposit)
    if recovery is None or deposit is None or deposit.kind == "drill":
        return  # of a drill nobody need do anything, and nothing real is out
    since = recovery.opened_at - machine.CHANGED_LATELY_SECONDS
    occasion = entry.event.id
    extra = reason_of(entry)
    for recipient in customer_recipients(custodian, db, recovery.account, since).recipients:
        send(custodian, db, deposit, recipient, message, recovery, occasion=occasion, extra=extra)
    name = f"{message}_contact"
    if recovery.proof in PAST_VETO and message == "recovery_ready":
        name = "recovery_ready_contact_informed"
    for recipient in contact_recipients(custodian, db, deposit).recipients:
        send(custodian, db, deposit, recipient, name, recovery, occasion=occasion)


def reason_of(entry: Entry) -> dict[str, str]:
    """Return why operators have put a recovery on hold, or end a key: for the customer only."""
    if entry.event.type not in {"recovery frozen", "deposit closing"}:
        return {}
    return {"reason": str(entry.event.data["reason"])[:MAX_REASON_LENGTH] or "–"}


def name_of(custodian: Custodian, db: Session, custody: str) -> str:
    """Return a contact's name, empty for another custodian's."""
    row = db.get(CustodyRow, custody)
    details = row and custodies.contact_details(custodian.web_keys, row)
    return details[0] if details else ""
