"""The outbox: a mail is a row, written in the transaction that has its reason.

`key` makes a mail at most one: naming it again is harmless. The row's identifier, and with it the
mail's Message-ID, is a keyed hash of it: a row written again after a crash is the same mail. Mails
of one `thread` (a recovery, a deposit) are shown together by mail programs. Recipient and contents
are encrypted until the next mail server has accepted the mail, then deleted. A `void` row is made
for an address that nobody knows, so that known and unknown ones cost the same; it is never sent.
"""

from sqlalchemy import select
from sqlalchemy.orm import Session

from escrow.mail import letter
from escrow.mail.models import Outbox
from escrow.protocol.encoding import dump_json
from escrow.sql import upsert
from escrow.webkeys import WebKeys

RECIPIENT = ("outbox", "recipient")
CONTENTS = ("outbox", "contents")


def queue(
    db: Session,
    keys: WebKeys,
    now: int,
    *,
    key: str,
    message: str,
    address: str,
    locale: str,
    contents: dict[str, str],
    account: str | None = None,
    recovery: str | None = None,
    custody: str | None = None,
    is_customer: bool = True,
    void: bool = False,
    thread: str = "",
) -> str:
    """Write one mail to one address; returns its row's identifier, the first one's for a repeat.

    `contents` fills the places of `messages/<message>.<locale>.txt`. Raises KeyError for a place
    that nothing fills, and for an unknown message: both are mistakes in the program.
    """
    letter.check(message, locale, contents)
    identifier = keys.hash("outbox", key)[:16].hex()
    owner = owner_of(account, custody)
    hashed = keys.hash("thread", thread)[:16].hex() if thread else ""
    document = dump_json({"locale": locale, "contents": contents, "thread": hashed}).decode()
    statement = (
        upsert(db, Outbox)
        .values(
            id=identifier,
            key=key,
            message=message,
            state="void" if void else "queued",
            account=account,
            recovery=recovery,
            custody=custody,
            is_customer=is_customer,
            address_hash=keys.lookup(address),
            recipient=keys.encrypt(RECIPIENT, identifier, owner, address),
            contents=keys.encrypt(CONTENTS, identifier, owner, document),
            created_at=now,
            next_at=now,
            attempts=0,
        )
        .on_conflict_do_nothing()  # by key, and by the identifier that comes from it
    )
    db.execute(statement)
    return db.scalars(select(Outbox.id).where(Outbox.key == key)).one()


def owner_of(account: str | None, custody: str | None) -> str:
    """Return whose row it is, for the encryption's associated data."""
    return account or custody or ""
