"""Two custodians that both believe to lead execute an approval once, on both databases."""

import threading

from sqlalchemy import select

from escrow.custodian import reactions
from escrow.custodian.service import Custodian
from escrow.db import Database
from escrow.ledger.models import LedgerEvent
from tests.admin.office import Office
from tests.support.people import Customer


def test_two_custodians_execute_an_approval_once(office: Office, customer: Customer) -> None:
    world = office.world
    move = office.propose("move-account", customer.account, **{"from": "", "to": "K-1"})
    for key in (office.anna, office.piet):
        office.post(move, key).ok()
    acts, world.custodian.acts = world.custodian.acts, []
    world.custodian.run_pass()
    first = world.custodian
    others = [
        Custodian(
            first.settings,
            Database(first.database.url),
            first.keys,
            first.web_keys,
            first.clock,
            first.outside,
        )
        for _ in range(3)
    ]
    ready = threading.Barrier(len(others))

    def act(custodian: Custodian) -> None:
        ready.wait()
        while reactions.act(custodian):
            pass

    threads = [threading.Thread(target=act, args=(custodian,)) for custodian in others]
    for custodian in others:
        office.listen(custodian)
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for custodian in others:
        custodian.database.close()
    world.custodian.acts = acts
    world.run()
    with world.database.reading() as db:
        kinds = ("account moved", "admin executed")
        query = select(LedgerEvent.type).where(LedgerEvent.type.in_(kinds))
        assert sorted(db.scalars(query)) == ["account moved", "admin executed"]
    assert office.alarms == []
    mails = [m for m in world.mailbox.to(customer.address) if "was moved" in str(m["Subject"])]
    assert len(mails) == 1
