"""What tests of a contact's life do and look at."""

import re

from sqlalchemy import func, select

from escrow.deposit.models import Blob
from escrow.protocol.encoding import b64url
from tests.support.mailbox import text_of
from tests.support.people import Contact, Customer, Deposited, attest, make_deposit, new_id
from tests.support.world import World

DAY = 86400
MONTH = 30 * DAY


def subjects(world: World, address: str) -> list[str]:
    return [str(mail["Subject"]).partition("“")[0] for mail in world.mailbox.to(address)]


def newest(world: World, address: str) -> str:
    return text_of(world.mailbox.to(address)[-1]).replace("\r\n", "\n")


def token_of(world: World, contact: Contact, page: str) -> str:
    """Take the token out of the newest link to a page; it stands in the fragment."""
    texts = "".join(text_of(mail) for mail in world.mailbox.to(contact.address))
    found = re.findall(
        rf"https://recovery\.test/contact/{contact.custody}/{page}#(\S{{43}})", texts
    )
    return str(found[-1])


def state(world: World, contact: Contact) -> str:
    return str(world.http().get(f"/custodies/{contact.custody}").ok()["state"])


def keep_copy(contact: Contact) -> None:
    body = {"credential_id": b64url(bytes(16)), "data": b64url(bytes(200))}
    for part in ("share", "check"):
        contact.http.put(f"/custodies/{contact.custody}/wraps/{part}", body).ok()


def copies(world: World, contact: Contact) -> int:
    with world.database.reading() as db:
        query = select(func.count()).select_from(Blob).where(Blob.custody == contact.custody)
        return db.scalar(query) or 0


def attest_share(contact: Contact, means: str = "share") -> int:
    assert contact.manifest is not None
    assert contact.payload is not None
    return attest(contact.http, contact.manifest, contact.payload, means).status


def leave(world: World, contact: Contact, act: str) -> None:
    """Press the button behind a mail's link: no account, no signature."""
    token = token_of(world, contact, "stop" if act == "decline" else act)
    world.http().post(f"/custodies/{contact.custody}/{act}", {"token": token}).ok()
    world.run()


def invited(world: World, customer: Customer) -> tuple[Deposited, Contact]:
    contact = Contact(world.http(), "Anna", f"{new_id()}@contact.test")
    made = make_deposit(customer.http, [contact], 1)
    customer.http.put(f"/deposits/{made.deposit}", made.body).ok()
    world.run()
    attest(customer.http, made.manifest, made.payloads[0]).ok()
    world.run()
    return made, contact
