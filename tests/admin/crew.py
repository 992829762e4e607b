"""Admins in tests: each with a browser of their own and a passkey in software."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import Any

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from escrow.admin import people
from tests.support.passkey import Passkey
from tests.support.people import API, Answer
from tests.support.world import World

SAME = {"Sec-Fetch-Site": "same-origin"}


@dataclass
class Crew:
    """One admin: `call` asks the API, `page` opens a page."""

    world: World
    role: str = "owner"
    name: str = "Olga"
    token: str = ""
    client: FlaskClient = field(init=False)
    passkey: Passkey = field(init=False)

    def __post_init__(self) -> None:
        self.client = self.world.app.test_client()
        self.passkey = Passkey("recovery.test", "https://recovery.test")

    def call(
        self, method: str, path: str, body: dict[str, Any] | None = None, **headers: str
    ) -> Answer:
        response = self.client.open(
            API + path,
            base_url=self.world.settings.public_url,
            method=method,
            json=body,
            headers=SAME | headers,
        )
        return Answer(response.status_code, response.get_json(silent=True))

    def post(self, path: str, body: dict[str, Any] | None = None) -> Answer:
        return self.call("POST", path, body or {})

    def page(self, path: str, language: str = "en") -> TestResponse:
        headers = {"Accept": "text/html", "Accept-Language": language}
        return self.client.get(path, base_url=self.world.settings.public_url, headers=headers)

    def invite(self) -> None:
        """Write the invitation as `server init` does for the first."""
        self.token = secrets.token_urlsafe(32)
        world = self.world
        with world.database.transaction() as db:
            keys, now = world.web_keys, world.clock.now()
            people.invite(db, keys, "Somebody", self.role, now, self.token)

    def accept(self, **lies: Any) -> Answer:
        asked = self.post("/admin/invitations/challenge", {"token": self.token}).ok()
        made = self.passkey.create(asked["challenge"], **lies)
        given = {"token": self.token, "name": self.name, "challenge": asked["challenge"]}
        return self.post("/admin/invitations/accept", given | made)

    @property
    def admin(self) -> str:
        """The admin's identifier."""
        with self.world.database.reading() as db:
            row = people.of_passkey(db, self.world.web_keys, self.passkey.credential_id)
            assert row is not None
            return row.id

    def admit(self) -> None:
        """Let them in as the custodian does: the first owner by itself, others on approval."""
        self.world.run()
        world = self.world
        with world.database.transaction() as db:
            row = people.of_passkey(db, world.web_keys, self.passkey.credential_id)
            assert row is not None
            if row.state == "waiting":
                people.admit(db, world.web_keys, row, row.role)

    def sign_in(self, **lies: Any) -> Answer:
        asked = self.post("/admin/challenges").ok()
        answer = self.passkey.answer(asked["challenge"], **lies)
        return self.post("/admin/sessions", {"challenge": asked["challenge"]} | answer)

    def step_up(self, passkey: Passkey | None = None) -> Answer:
        asked = self.post("/admin/step-up/challenge").ok()
        answer = (passkey or self.passkey).answer(asked["challenge"])
        return self.post("/admin/step-up", {"challenge": asked["challenge"]} | answer)


def hired(world: World, role: str = "owner", name: str = "Olga") -> Crew:
    """Return an admin who has accepted, was let in, and is signed in."""
    crew = Crew(world, role, name)
    crew.invite()
    crew.accept().ok()
    crew.admit()
    return crew
