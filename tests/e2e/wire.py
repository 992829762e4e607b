"""The API over real HTTP, for people of tests/support who go on when the service comes back."""

from __future__ import annotations

import json
import time
from collections import Counter
from typing import Any, cast

import httpx
from sqlalchemy import select

from escrow.ledger.models import LedgerEvent
from escrow.protocol.errors import ProtocolError
from tests.e2e.installation import Installation, until
from tests.support.people import (
    API,
    Answer,
    Contact,
    Customer,
    Deposited,
    Http,
    Session,
    attest,
    make_deposit,
    new_id,
)

_SECONDS = 90


class Wire(Http):
    """HTTP as `Http`, over a socket. Patient: 503 and broken lines are tried again."""

    is_patient = True

    @classmethod
    def to(cls, service: Installation) -> Wire:
        client = httpx.Client(base_url=service.url, timeout=30)
        return cls(cast(Any, client), cast(Any, service.clock), service.url)

    def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Answer:
        deadline = time.monotonic() + _SECONDS
        while True:
            try:
                answer = self.once(method, path, body)
                if answer.status_code != 503 or not self.is_patient:
                    found = answer.json() if answer.content else None
                    return Answer(answer.status_code, found)
            except httpx.HTTPError:
                if not self.is_patient:
                    raise
            assert time.monotonic() < deadline, f"{method} {path} stays unavailable"
            time.sleep(0.1)

    def once(self, method: str, path: str, body: dict[str, Any] | None = None) -> httpx.Response:
        """Send one request and return whatever comes."""
        data = b"" if body is None else json.dumps(body).encode()
        headers = {} if body is None else {"Content-Type": "application/json"}
        if self.token is not None:
            headers["Authorization"] = f"Bearer {self.token}"
        if self.signer is not None:
            headers |= self._signed(method, path, data)
        client = cast(httpx.Client, self.client)
        return client.request(method, API + path, content=data, headers=headers)


class Party:
    """Mira and Anna, speaking the API, on one service."""

    def __init__(self, service: Installation, address: str) -> None:
        self.service = service
        self.wire = Wire.to(service)
        self.customer = Customer(self.wire, service.office, address)
        self.contact = Contact(Wire.to(service), "Anna", f"anna.{address}")

    def enrol(self) -> None:
        self.customer.sign_up()
        self.made: Deposited = make_deposit(self.wire, [self.contact], 1)
        self.put()
        self.finish_enrolment()

    def put(self) -> None:
        self.wire.put(f"/deposits/{self.made.deposit}", self.made.body).ok()

    def finish_enrolment(self) -> None:
        until(lambda: self.custody("provider") == "held", "the provider attests")
        attest(self.wire, self.made.manifest, self.made.payloads[0]).ok()
        self.contact.accept()
        until(lambda: self.state() == "complete", "the deposit is complete")

    def state(self) -> str:
        return str(self.wire.get(f"/deposits/{self.made.deposit}").ok()["state"])

    def custody(self, role: str) -> str:
        found = self.wire.get(f"/deposits/{self.made.deposit}").ok()["custodies"]
        return next(str(line["state"]) for line in found if line["role"] == role)

    def open(self) -> None:
        self.recovery = new_id()
        self.customer.sign_in()
        body = {"deposit": self.made.deposit, "reason": "crash"}
        self.wire.put(f"/recoveries/{self.recovery}", body).ok()

    def recovery_document(self) -> dict[str, Any]:
        """Read the recovery as its contact may: a session ends after half a day."""
        found: dict[str, Any] = self.contact.http.get(f"/recoveries/{self.recovery}").ok()
        return found

    def recovery_state(self) -> str:
        return str(self.recovery_document()["state"])

    def until_recovery(self, state: str) -> None:
        until(lambda: self.recovery_state() == state, f"the recovery is {state}")

    def until_noticed(self) -> int:
        """Wait until everybody was told; returns the time from which it can be finished."""
        self.until_recovery("waiting")
        until(lambda: self.recovery_document()["ready_at"] is not None, "the date is known")
        return int(self.recovery_document()["ready_at"])

    def wait(self) -> None:
        self.until_noticed()
        self.service.pass_time(self.made.manifest.waiting_seconds + 60)
        self.until_recovery("ready")

    def session(self) -> Session:
        """Sign in with both codes, so that a session can begin."""
        self.customer.sign_in()
        return Session(self.wire, self.made, self.recovery)

    def provider_share(self, session: Session) -> bytes:
        """Wait for the provider's release and open it; returns the share's value."""
        [line] = self.made.manifest.of_role("provider")
        until(
            lambda: any(
                found["custody"] == line.custody and found["sealed"] for found in session.releases()
            ),
            f"the provider's release\n{self.service.log()}",
        )
        [found] = [each for each in session.releases() if each["custody"] == line.custody]
        payload = session.open(found)
        try:
            return payload.check_with(self.made.manifest).value
        except ProtocolError as error:
            raise AssertionError from error

    def events(self) -> Counter[str]:
        """Count the deposit's events by type, once the ledger has taken all of them up."""
        until(lambda: all(index is not None for _, index, _ in self._rows()), "all is sequenced")
        assert not [row for row in self._rows() if row[2]], "refused by the sequencer"
        return Counter(kind for kind, _, _ in self._rows())

    def _rows(self) -> list[tuple[str, int | None, str | None]]:
        columns = (LedgerEvent.type, LedgerEvent.index, LedgerEvent.refused)
        database = self.service.database()
        try:
            with database.reading() as db:
                query = select(*columns).where(LedgerEvent.deposit == self.made.deposit)
                return [(row[0], row[1], row[2]) for row in db.execute(query)]
        finally:
            database.close()
