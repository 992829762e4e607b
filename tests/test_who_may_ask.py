"""Every route of the API and every page, by everybody: a route without a row here fails.

The admins' part has its own matrix, tests/admin/test_who_sees_what.py.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import select

from escrow.account.models import Address
from escrow.mail import tokens
from escrow.protocol.encoding import b64url
from tests.admin.crew import hired
from tests.support.people import API, Contact, Customer, Deposited, new_id
from tests.support.world import World

pytestmark = pytest.mark.databases("sqlite")

ADMINS = ("support", "auditor", "operator", "owner")
PEOPLE = (
    *("nobody", "customer", "another customer", "by mail alone"),
    *("contact", "second contact", "another's contact", *ADMINS),
)
HASH, SIGNATURE, KEY = "A" * 43, "A" * 86, b64url(bytes(1216))
OWN, HELD, ASKED = {"customer"}, {"contact"}, {"contact", "second contact"}
SIGNED_IN = {"customer", "another customer"}
BY_MAIL, NOBODY = {"by mail alone"}, set[str]()
KNOWN = SIGNED_IN | BY_MAIL
PIECE = {"checkpoint_hash": HASH, "signature": SIGNATURE}
PROOF = {"means": "share", "time": 1} | PIECE
CODE, TOKEN = {"code": "000000"}, {"token": HASH}
MOVE = {"name": "Eve", "address": "eve@example.org", "nonce": b64url(bytes(16))}
APPROVAL = {
    **{"operation": "freeze", "target": "ab" * 16, "body": "AAAA", "expires": 1},
    **{"credential": "AAAA", "signature": "AAAA"},
}
MADE = {
    **{"manifest": "AAAA", "manifest_signature": SIGNATURE, "envelope": "AAAA"},
    **{"provider_share": b64url(bytes(1200)), "contacts": []},
}
LOGIN = {"address": "eve@example.org", "locale": "en"}
A, C, D, R = (
    *("/accounts/<id:account>", "/custodies/<id:custody>"),
    *("/deposits/<id:deposit>", "/recoveries/<id:recovery>"),
)
S = f"{R}/sessions/<id:session>"

Body = dict[str, Any] | None
# What each route takes, and who gets further than the door: the answer is neither 401 nor 404. A
# number instead: what everybody is answered, because what opens the door is not who asks, but what
# is in the body, and this body has it not. What ends something comes last.
ROUTES: dict[tuple[str, str], tuple[Body, set[str] | int]] = {
    ("GET", "/keys"): (None, 200),
    ("GET", "/site"): (None, 404),  # nothing was published here
    ("GET", "/ledger/checkpoint"): (None, 200),
    ("GET", "/ledger/consistency"): (None, 400),
    ("GET", "/ledger/proof/<index:index>"): (None, 200),
    ("POST", "/accounts"): (LOGIN, 201),
    ("POST", "/logins"): (LOGIN, 201),
    ("POST", "/logins/<id:login>/code"): (CODE, 401),
    ("POST", "/links/<any(veto, reopen, lost, decline):purpose>"): (TOKEN, 410),
    ("POST", "/approvals"): (APPROVAL, 400),
    ("GET", C): (None, 200),
    ("POST", f"{C}/invitation"): (TOKEN, 410),
    ("POST", f"{C}/attestations"): (PROOF, 400),
    ("POST", "/logins/<id:login>/totp"): ({"account": "<account>"} | CODE, NOBODY),
    ("GET", "/sessions"): (None, KNOWN),
    ("GET", "/sessions/<id:session>"): (None, NOBODY),
    ("GET", A): (None, OWN),
    ("POST", f"{A}/data"): ({}, OWN),
    ("POST", f"{A}/addresses"): ({"address": "eve@example.org"}, OWN),
    ("POST", f"{A}/addresses/<id:address>/code"): (CODE, OWN),
    ("POST", f"{A}/code"): (CODE, NOBODY),  # the account is made
    ("POST", f"{A}/code/resend"): ({}, NOBODY),
    ("POST", f"{A}/totp"): ({}, OWN),
    ("POST", f"{A}/totp/confirm"): (CODE, NOBODY),  # a wrong code
    ("GET", "/deposits"): (None, KNOWN),
    ("PUT", D): (MADE, SIGNED_IN),  # the number is taken: 409
    ("GET", D): (None, OWN),
    ("GET", f"{D}/events"): (None, OWN),
    ("GET", f"{D}/recoveries"): (None, OWN | BY_MAIL),
    ("POST", f"{D}/drill"): ({"drill": "ab" * 16}, NOBODY),  # no such drill
    ("POST", f"{D}/replaced"): ({"by": "<deposit>", "signature": SIGNATURE}, OWN),
    ("GET", f"{C}/events"): (None, HELD),
    ("GET", f"{C}/drafts"): (None, HELD),
    ("POST", f"{C}/phrase"): ({"phrase": "Blue bird"}, HELD),
    ("PUT", f"{C}/wraps/<any(share, check):part>"): (
        {"credential_id": b64url(bytes(16)), "data": b64url(bytes(28))},
        HELD,
    ),
    ("POST", f"{C}/address/code"): ({"address": "eve@example.org"}, HELD),
    ("POST", f"{C}/address/confirm"): (
        {"address": "eve@example.org"} | CODE,
        NOBODY,  # a wrong code
    ),
    ("POST", f"{C}/address"): (
        MOVE | {"previous": HASH},
        HELD,
    ),
    ("POST", f"{C}/resume"): ({}, OWN),
    ("POST", f"{C}/withdraw"): ({}, OWN),
    ("PUT", R): ({"deposit": "<deposit>", "reason": "Mine now."}, SIGNED_IN),  # taken: 409
    ("GET", R): (None, OWN | ASKED),
    ("GET", f"{R}/deposit"): (None, OWN),
    ("POST", f"{R}/proofs"): (PIECE, ASKED),
    ("PUT", S): ({"public_key": KEY}, OWN),
    ("GET", S): (None, OWN | ASKED),
    ("PUT", f"{S}/calls/<id:call>"): ({"custody": "<custody>", "commitment": HASH}, OWN),
    ("GET", f"{S}/calls/<id:call>"): (None, OWN | HELD),
    ("POST", f"{S}/calls/<id:call>/nonce"): (
        {"commitment": HASH, "nonce": HASH, "signature": SIGNATURE},
        HELD,
    ),
    ("POST", f"{S}/calls/<id:call>/reveal"): ({"public_key": KEY, "random": HASH}, OWN),
    ("PUT", f"{S}/releases/<id:custody>"): (
        {"sealed": b64url(bytes(1200)), "signature": SIGNATURE, "time": 1},
        HELD,
    ),
    ("POST", f"{R}/complete"): ({"time": 1, "signature": SIGNATURE}, OWN),
    ("DELETE", R): (None, NOBODY),  # a draft alone, see recovery/test_whose.py
    ("POST", f"{R}/veto"): ({}, OWN | ASKED),
    ("POST", f"{C}/lost"): ({}, OWN | HELD),
    ("POST", f"{C}/decline"): ({}, HELD),
    ("POST", f"{D}/close"): ({"reason": ""}, OWN),
    ("POST", f"{D}/reopen"): ({}, OWN | ASKED),
    ("POST", f"{A}/close"): ({"reason": ""}, OWN),
    ("POST", f"{A}/reopen"): ({}, OWN),
    ("DELETE", f"{A}/addresses/<id:address>"): (None, OWN),
    ("DELETE", "/sessions/<id:session>"): (None, NOBODY),
}


@dataclass
class Scene:
    """A key with two contacts whose recovery is being collected, a call under way; and others."""

    world: World
    mira: Customer
    made: Deposited
    contacts: list[Contact]
    places: dict[str, str]

    @classmethod
    def set_up(cls, world: World) -> Scene:
        mira = world.customer("mira@example.org")
        made, contacts = world.enrol(mira, 2, 3, label="The secret diary")
        recovery = world.ready_recovery(mira, made)
        session = world.begin(mira, made, recovery)
        call = new_id()
        said = {"custody": contacts[0].custody, "commitment": HASH}
        mira.http.put(f"{session.path}/calls/{call}", said).ok()
        with world.database.reading() as db:
            address = db.scalars(select(Address.id).where(Address.account == mira.account)).one()
        places = {
            **{"account": mira.account, "address": address, "deposit": made.deposit},
            **{"custody": contacts[0].custody, "recovery": recovery, "call": call},
            **{"session": session.session, "index": "1", "purpose": "veto", "part": "check"},
            **{"login": "ab" * 16, "name": "how-it-works"},
        }
        return cls(world, mira, made, contacts, places)

    def path(self, rule: str) -> str:
        """Fill in the places of a rule of the route map."""
        return re.sub(r"<(?:[^:<>]*:)?([a-z]+)>", lambda found: self.places[found[1]], rule)

    def asking(self, who: str) -> Callable[[str, str, Body], int]:
        """Return how somebody asks the API: (method, path, body) to the status."""
        if who in ADMINS:
            crew = hired(self.world, who, who)
            return lambda method, path, body: crew.call(method, path, body).status
        http = {
            "nobody": self.world.http,
            "customer": lambda: self.mira.http,
            "another customer": lambda: self._other().http,
            "by mail alone": self._by_mail,
            "contact": lambda: self.contacts[0].http,
            "second contact": lambda: self.contacts[1].http,
            "another's contact": lambda: self.world.enrol(self._other())[1][0].http,
        }[who]()
        return lambda method, path, body: http.call(method, path, body).status

    def _other(self) -> Customer:
        other = self.world.customer("piet@example.org")
        self.world.enrol(other)
        return other

    def _by_mail(self) -> Any:
        thief = Customer(self.world.http(), self.mira.mailbox, self.mira.address)
        thief.mail_login()
        self.places["login"] = thief.login
        return thief.http

    def body(self, body: Body) -> Body:
        """Fill in the places of a body."""
        if body is None:
            return None
        return {
            name: self.path(value) if isinstance(value, str) else value
            for name, value in body.items()
        }


def served(world: World) -> set[tuple[str, str]]:
    return {
        (method, rule.rule.removeprefix(API))
        for rule in world.app.url_map.iter_rules()
        if rule.rule.startswith(f"{API}/") and not rule.rule.startswith(f"{API}/admin/")
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }


def test_every_route_of_the_api_has_a_row(world: World) -> None:
    assert served(world) == set(ROUTES)


@pytest.mark.parametrize("who", PEOPLE)
def test_every_route_lets_in_whom_it_must_and_nobody_else(world: World, who: str) -> None:
    scene = Scene.set_up(world)
    ask = scene.asking(who)
    wrong = {}
    for (method, rule), (body, allowed) in ROUTES.items():
        status = ask(method, scene.path(rule), scene.body(body))
        is_right = (
            status == allowed
            if isinstance(allowed, int)
            else (status not in {401, 404}) == (who in allowed)
        )
        if not is_right:
            wrong[method, rule] = status
    assert wrong == {}


def test_a_contact_sees_no_call_but_the_own(world: World) -> None:
    scene = Scene.set_up(world)
    path = scene.path(S)
    seen = [each.http.get(path).ok()["calls"] for each in scene.contacts]
    assert [len(calls) for calls in seen] == [1, 0, 0]
    assert len(scene.mira.http.get(path).ok()["calls"]) == 1


def pages(world: World) -> list[str]:
    """Return the pages that are not the admins', each with its places to be filled in."""
    return sorted(
        rule.rule
        for rule in world.app.url_map.iter_rules()
        if rule.endpoint.startswith(("pages.", "site."))
    )


def test_a_page_is_the_same_for_everybody_and_names_nobody(world: World) -> None:
    """What a page shows of somebody, it asks the API for: that is where the door is."""
    scene = Scene.set_up(world)
    olga = hired(world)
    cookie = world.app.test_client()
    cookie.set_cookie("__Host-escrow", scene.mira.http.token or "", domain="recovery.test")
    stranger = world.app.test_client()
    scene.places["name"] = "how-it-works"
    where = {"base_url": world.settings.public_url, "headers": {"Accept": "text/html"}}
    for rule in pages(world):
        path = scene.path(rule)
        answers = [each.get(path, **where) for each in (stranger, cookie, olga.client)]
        texts = {re.sub(rb"nonce-[\w-]+", b"", answer.data) for answer in answers}
        assert len(texts) == 1, rule
        for word in (b"mira@", b"diary", scene.contacts[0].name.encode()):
            assert word not in answers[1].data, rule


PURPOSES = ("veto", "reopen", "lost", "decline")


@pytest.mark.parametrize("purpose", PURPOSES)
def test_a_mails_link_does_what_it_is_for_to_whom_it_is_of_and_nothing_else(
    world: World, purpose: str
) -> None:
    scene = Scene.set_up(world)
    other = world.customer("piet@example.org")
    theirs, [karel] = world.enrol(other)
    recovery = world.open_recovery(other, theirs)
    token = minted(world, purpose, scene)
    http = world.http()
    found = {each: http.post(f"/links/{each}", {"token": token}).status for each in PURPOSES}
    assert found == {each: 200 if each == purpose else 410 for each in PURPOSES}
    acts = {
        "veto": ("/recoveries/<recovery>/veto", f"/recoveries/{recovery}/veto"),
        "reopen": ("/deposits/<deposit>/reopen", f"/deposits/{theirs.deposit}/reopen"),
        "lost": ("/custodies/<custody>/lost", f"/custodies/{karel.custody}/lost"),
        "decline": ("/custodies/<custody>/decline", f"/custodies/{karel.custody}/decline"),
    }
    for each, (own, others) in acts.items():
        assert http.post(others, {"token": token}).status in {401, 404, 410}, each
        if each != purpose:
            assert http.post(scene.path(own), {"token": token}).status in {401, 404, 410}, each
    http.post(scene.path(acts[purpose][0]), {"token": token}).ok()


def minted(world: World, purpose: str, scene: Scene) -> str:
    """Return the token of a link in a mail about the scene, made as the custodian makes it."""
    places = scene.places
    with world.database.transaction() as db:
        return tokens.issue(
            db,
            world.web_keys,
            world.clock.now(),
            purpose,
            account=places["account"],
            deposit=places["deposit"],
            custody=places["custody"] if purpose in {"lost", "decline"} else None,
            recovery=places["recovery"] if purpose == "veto" else None,
            lifetime=86400,
        )
