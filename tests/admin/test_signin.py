"""Admins come in by an invitation's link and a passkey, and by nothing else; not for long."""

from __future__ import annotations

import secrets
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, update

from escrow.account import rows
from escrow.admin import passkeys
from escrow.admin.models import Admin, AdminChallenge, AdminSession
from escrow.admin.passkeys import Answer, Site
from escrow.errors import Unauthenticated
from escrow.protocol.encoding import b64url
from tests.admin.crew import Crew, hired
from tests.support.passkey import PRESENT, Passkey
from tests.support.world import World

HOUR = 3600
STRANGE = [
    pytest.param({"challenge": b64url(bytes(32))}, id="another challenge"),
    pytest.param({"origin": "https://recovery.test.evil.test"}, id="another origin"),
    pytest.param({"host": "evil.test"}, id="another site's name"),
    pytest.param({"flags": PRESENT}, id="not verified"),
    pytest.param({"flags": 0}, id="nobody present"),
    pytest.param({"type": "payment.get"}, id="another kind"),
]
OF_ANSWERS = [
    *STRANGE,
    pytest.param({"altered": True}, id="altered"),
    pytest.param({"count": 0}, id="a copied passkey's count"),
    pytest.param({"credential_id": bytes(32)}, id="an unknown passkey"),
]


@pytest.fixture
def olga(world: World) -> Crew:
    crew = Crew(world)
    crew.invite()
    return crew


def sessions(crew: Crew) -> list[Any]:
    found: list[Any] = crew.call("GET", "/admin/sessions").ok()["sessions"]
    return found


def test_an_invitation_is_taken_up_once_with_a_passkey_and_signs_in(olga: Crew) -> None:
    asked = olga.post("/admin/invitations/challenge", {"token": olga.token}).ok()
    assert (asked["role"], asked["name"], asked["host"]) == ("owner", "Somebody", "recovery.test")
    assert olga.call("GET", "/admin/sessions").status == 401
    assert asked["is_first"] is True
    found = olga.accept().ok()
    assert (found["role"], found["name"], found["is_first"]) == ("owner", "Olga", True)
    assert olga.call("GET", "/admin/sessions").status == 401  # nobody has let her in yet
    assert olga.sign_in().status == 409
    olga.world.run()
    assert [line["is_current"] for line in sessions(olga)] == [True]
    for path in ("challenge", "accept"):
        body = {"token": olga.token}
        if path == "accept":
            made = olga.passkey.create(asked["challenge"])
            body |= {"name": "Eve", "challenge": asked["challenge"]} | made
        assert olga.post(f"/admin/invitations/{path}", body).status == 410
    second = Crew(olga.world, "owner", "Piet")
    second.invite()
    assert second.accept().ok()["is_first"] is False
    cookie = olga.client.get_cookie("__Host-escrow-admin", domain="recovery.test")
    assert cookie is not None
    assert (cookie.secure, cookie.http_only, cookie.same_site) == (True, True, "Strict")


def test_an_invitation_ends_after_seven_days_and_another_link_is_none(
    world: World, olga: Crew
) -> None:
    body = {"token": secrets.token_urlsafe(32)}
    assert olga.post("/admin/invitations/challenge", body).status == 410
    world.clock.move(7 * 24 * HOUR)
    assert olga.post("/admin/invitations/challenge", {"token": olga.token}).status == 410


@pytest.mark.parametrize("lies", STRANGE)
def test_a_new_passkey_must_be_made_for_this_by_somebody_who_is_there(
    world: World, olga: Crew, lies: dict[str, Any]
) -> None:
    assert olga.accept(**lies).status == 401
    with world.database.reading() as db:
        assert db.scalars(select(Admin.state)).all() == ["invited"]
        assert db.scalars(select(AdminChallenge)).all() == []  # used up all the same
    olga.accept().ok()


@pytest.mark.parametrize("lies", OF_ANSWERS)
def test_nobody_signs_in_with_an_answer_that_is_not_the_passkeys(
    world: World, lies: dict[str, Any]
) -> None:
    olga = hired(world)
    olga.sign_in().ok()
    olga.client.delete_cookie("__Host-escrow-admin", domain="recovery.test")
    assert olga.sign_in(**lies).status == 401
    assert olga.call("GET", "/admin/sessions").status == 401


def test_an_answer_signs_in_once_and_for_five_minutes(world: World) -> None:
    olga = hired(world)
    asked = olga.post("/admin/challenges").ok()
    body = {"challenge": asked["challenge"]} | olga.passkey.answer(asked["challenge"])
    olga.post("/admin/sessions", body).ok()
    assert olga.post("/admin/sessions", body).status == 401
    asked = olga.post("/admin/challenges").ok()
    world.clock.move(5 * 60)
    body = {"challenge": asked["challenge"]} | olga.passkey.answer(asked["challenge"])
    assert olga.post("/admin/sessions", body).status == 401


def test_a_challenge_for_one_thing_is_none_for_another(world: World) -> None:
    olga, piet = hired(world), hired(world, "operator", "Piet")
    signing_in = olga.post("/admin/challenges").ok()["challenge"]
    body = {"challenge": signing_in} | olga.passkey.answer(signing_in)
    assert olga.post("/admin/step-up", body).status == 401
    others = piet.post("/admin/step-up/challenge").ok()["challenge"]
    body = {"challenge": others} | olga.passkey.answer(others)
    assert olga.post("/admin/step-up", body).status == 401
    assert olga.step_up(passkey=piet.passkey).status == 409
    olga.step_up().ok()


def test_a_session_ends_after_half_an_hour_without_use_and_after_eight_hours(
    world: World,
) -> None:
    olga = hired(world)
    world.clock.move(1799)
    assert len(sessions(olga)) == 1
    world.clock.move(1)
    assert olga.call("GET", "/admin/sessions").status == 401
    olga.sign_in().ok()
    for _ in range(24):
        world.clock.move(20 * 60 - 1)
        assert olga.page("/admin").status_code == 200
    world.clock.move(60)
    assert olga.page("/admin").status_code == 303
    assert olga.call("GET", "/admin/sessions").status == 401


def test_ones_own_sessions_are_listed_and_ended_and_nobody_elses(world: World) -> None:
    olga, piet = hired(world), hired(world, "operator", "Piet")
    other = sessions(piet)[0]["session"]
    assert olga.call("DELETE", f"/admin/sessions/{other}").status == 404
    assert len(sessions(piet)) == 1
    own = sessions(olga)[0]["session"]
    assert olga.call("DELETE", f"/admin/sessions/{own}").status == 204
    assert olga.call("GET", "/admin/sessions").status == 401


def test_a_customers_session_is_no_admins_nor_the_reverse(world: World) -> None:
    customer, olga = world.customer(), hired(world)
    token = customer.http.token or ""
    client = world.app.test_client()
    client.set_cookie("__Host-escrow-admin", token, domain="recovery.test", secure=True)
    got = client.get("/api/v1/admin/sessions", base_url="https://recovery.test")
    assert got.status_code == 401
    second = Crew(olga.world, "owner", "Piet")
    second.invite()
    assert second.accept().ok()["is_first"] is False
    cookie = olga.client.get_cookie("__Host-escrow-admin", domain="recovery.test")
    assert cookie is not None
    client.set_cookie("__Host-escrow", cookie.value, domain="recovery.test", secure=True)
    got = client.get("/api/v1/deposits", base_url="https://recovery.test")
    assert got.status_code == 401


def test_another_site_makes_an_admins_browser_do_nothing(world: World) -> None:
    olga = hired(world)
    own = sessions(olga)[0]["session"]
    path = f"/api/v1/admin/sessions/{own}"
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.test"}, {}):
        got = olga.client.delete(path, base_url="https://recovery.test", headers=headers)
        assert got.status_code == 403, headers
    assert len(sessions(olga)) == 1


@pytest.mark.parametrize(
    "change",
    [{"role": "owner"}, {"public_key": b"x"}, {"sign_count": 99}, {"name": b"x"}],
    ids=lambda change: next(iter(change)),
)
def test_nobody_becomes_an_owner_by_writing_in_the_database(
    world: World, change: dict[str, Any]
) -> None:
    sam = hired(world, "support", "Sam")
    sam.sign_in().ok()
    with world.database.transaction() as db:
        db.execute(update(Admin).values(**change))
    assert sam.call("GET", "/admin/sessions").status == 503
    assert sam.sign_in().status == 503


def test_who_is_no_admin_any_more_is_out_at_once(world: World) -> None:
    sam = hired(world, "support", "Sam")
    with world.database.transaction() as db:
        assert rows.swap(db, world.web_keys, db.scalars(select(Admin)).one(), state="removed")
    assert sam.call("GET", "/admin/sessions").status == 401
    assert sam.sign_in().status == 401


def test_a_session_that_was_prolonged_in_the_database_counts_for_nothing(world: World) -> None:
    olga = hired(world)
    with world.database.transaction() as db:
        db.execute(update(AdminSession).values(used_at=world.clock.now() + HOUR))
    assert olga.call("GET", "/admin/sessions").status == 503


@given(st.binary(max_size=300), st.binary(max_size=300), st.binary(max_size=100))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_rubbish_is_refused_as_a_wrong_answer(a: bytes, b: bytes, c: bytes) -> None:
    site = Site("recovery.test", "https://recovery.test")
    with pytest.raises(Unauthenticated):
        passkeys.verify_new(site, bytes(32), a, b)
    with pytest.raises(Unauthenticated):
        passkeys.verify(site, bytes(32), Answer(c, a, b, c), a, 0)


def test_tries_are_counted_before_they_are_looked_at(world: World) -> None:
    olga = hired(world)
    limit = world.settings.requests_an_hour
    codes = [olga.post("/admin/challenges").status for _ in range(limit)]
    assert codes[0] == 200
    assert codes[-1] == 429
    assert Passkey("recovery.test", "https://recovery.test").credential_id
