"""A customer and her contacts, speaking the API as any client would, with real cryptography.

They are the tests' own small client: every call goes through HTTP (the WSGI application), every
code comes from a real mail, every share is split, sealed, released and combined by the protocol.
"""

import json
import secrets
from dataclasses import dataclass, field
from typing import Any

import pyotp
from flask.testing import FlaskClient

from escrow.protocol import attestation as attestations
from escrow.protocol import call as calls
from escrow.protocol import envelope, invitation, keys, kit, note, release, seal, slip39
from escrow.protocol import request as requests
from escrow.protocol.encoding import b64url, b64url_decode, pae_hash, sha256
from escrow.protocol.kit import Kit
from escrow.protocol.manifest import Custody, Manifest
from escrow.protocol.share import Payload
from tests.support.clocks import FakeClock
from tests.support.mailbox import Mailbox

API = "/api/v1"


def new_id() -> str:
    return secrets.token_hex(16)


def cheap_identity(password: invitation.Password, custody: str) -> bytes:
    """Return what takes the place of a password's stretching, 0.4 s for each contact."""
    return pae_hash("tests/cheap", password.fragment, password.digits, custody)


@dataclass
class Answer:
    """A status and its JSON."""

    status: int
    json: Any

    def ok(self) -> Any:
        assert self.status < 300, (self.status, self.json)
        return self.json

    @property
    def code(self) -> str:
        return str(self.json["code"])


@dataclass
class Http:
    """The API over a Flask test client, with a bearer or a contact's signature."""

    client: FlaskClient
    clock: FakeClock
    base_url: str
    token: str | None = None
    signer: tuple[str, Any] | None = None

    def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Answer:
        data = b"" if body is None else json.dumps(body).encode()
        headers = {} if body is None else {"Content-Type": "application/json"}
        if self.token is not None:
            headers["Authorization"] = f"Bearer {self.token}"
        if self.signer is not None:
            headers |= self._signed(method, path, data)
        response = self.client.open(
            API + path, base_url=self.base_url, method=method, data=data, headers=headers
        )
        return Answer(response.status_code, response.get_json(silent=True))

    def _signed(self, method: str, path: str, data: bytes) -> dict[str, str]:
        custody, key = self.signer or ("", None)
        named = requests.Request(
            custody, method, API + path.partition("?")[0], data, self.clock.now()
        )
        return {
            "Escrow-Custody": custody,
            "Escrow-Time": str(named.time),
            "Escrow-Signature": b64url(requests.sign(named, key)),
        }

    def get(self, path: str) -> Answer:
        return self.call("GET", path)

    def post(self, path: str, body: dict[str, Any] | None = None) -> Answer:
        return self.call("POST", path, body or {})

    def put(self, path: str, body: dict[str, Any]) -> Answer:
        return self.call("PUT", path, body)


@dataclass
class Customer:
    """Who has a secret to lose."""

    http: Http
    mailbox: Mailbox
    address: str
    account: str = ""
    totp_secret: str = ""
    login: str = ""
    _last_step: int = 0

    def sign_up(self) -> None:
        made = self.http.post("/accounts", {"address": self.address, "locale": "en"}).ok()
        self.account = made["account"]
        self.http.token = made["token"]
        code = self.mailbox.code(self.address, "account_code")
        found = self.http.post(f"/accounts/{self.account}/code", {"code": code}).ok()
        self.totp_secret = found["totp_secret"]
        confirmed = self.http.post(
            f"/accounts/{self.account}/totp/confirm", {"code": self.totp()}
        ).ok()
        self.http.token = confirmed["token"]

    def totp(self) -> str:
        """Return a code that was not used yet, moving the clock to the next step if needed."""
        step = self.http.clock.now() // 30
        if step <= self._last_step:
            self.http.clock.move((self._last_step + 1) * 30 - self.http.clock.now())
            step = self.http.clock.now() // 30
        self._last_step = step
        return pyotp.TOTP(self.totp_secret).at(self.http.clock.now())

    def mail_login(self) -> dict[str, Any]:
        """Sign in with a code by mail alone."""
        self.http.token = None
        started = self.http.post("/logins", {"address": self.address, "locale": "en"}).ok()
        self.login = started["login"]
        code = self.mailbox.code(self.address, "login_code")
        found: dict[str, Any] = self.http.post(f"/logins/{self.login}/code", {"code": code}).ok()
        self.http.token = found["token"]
        return found

    def sign_in(self) -> None:
        self.mail_login()
        body = {"account": self.account, "code": self.totp()}
        self.http.token = self.http.post(f"/logins/{self.login}/totp", body).ok()["token"]


@dataclass
class Contact:
    """Who holds a piece for somebody else."""

    http: Http
    name: str
    address: str
    custody: str = ""
    link: invitation.Password | None = field(default=None, repr=False)
    payload: Payload | None = field(default=None, repr=False)
    manifest: Manifest | None = None

    def accept(self) -> None:
        assert self.link is not None
        token = b64url(self.link.fetch_token(self.custody))
        found = self.http.post(f"/custodies/{self.custody}/invitation", {"token": token}).ok()
        opened = invitation.open(b64url_decode(found["invitation"]), self.link, self.custody)
        self.payload, self.manifest = opened.payload, opened.manifest
        self.http.signer = (self.custody, self.release_key())
        attest(self.http, opened.manifest, opened.payload).ok()

    def release_key(self) -> Any:
        assert self.payload is not None
        value = self.payload.share().value
        return keys.release_key(value, self.payload.deposit, self.custody)

    def seal_to(self, recovery: str, session: str, public_key: bytes) -> bytes:
        assert self.payload is not None and self.manifest is not None
        binding = seal.Binding(
            self.payload.deposit, self.custody, self.manifest.hash, recovery, session
        )
        return seal.seal(self.payload.data, public_key, binding)

    def release(
        self, recovery: str, session: str, public_key: bytes, sealed: bytes | None = None
    ) -> Answer:
        assert self.payload is not None and self.manifest is not None
        sealed = sealed or self.seal_to(recovery, session, public_key)
        time = self.http.clock.now()
        named = release.Release(
            self.payload.deposit,
            self.custody,
            recovery,
            session,
            self.manifest.hash,
            sha256(public_key),
            sha256(sealed),
            time,
        )
        body = {
            "sealed": b64url(sealed),
            "signature": b64url(release.sign(named, self.release_key())),
            "time": time,
        }
        return self.http.put(
            f"/recoveries/{recovery}/sessions/{session}/releases/{self.custody}", body
        )


def attest(http: Http, manifest: Manifest, payload: Payload, means: str = "share") -> Answer:
    """Prove possession with the newest checkpoint."""
    found = http.get("/ledger/checkpoint").ok()["checkpoint"]
    checkpoint = note.Checkpoint.parse(note.split_note(found)[0])
    value = payload.share().value
    key = keys.release_key(value, payload.deposit, payload.custody)
    if means == "check":
        seed = keys.check_seed(value, payload.deposit, payload.custody)
        key = keys.attest_key(seed, payload.deposit, payload.custody)
    proof = attestations.Attestation(
        payload.deposit, payload.custody, manifest.hash, means, checkpoint.hash, http.clock.now()
    )
    body = {
        "means": means,
        "checkpoint_hash": b64url(checkpoint.hash),
        "time": proof.time,
        "signature": b64url(attestations.sign(proof, key)),
    }
    return http.post(f"/custodies/{payload.custody}/attestations", body)


@dataclass
class Deposited:
    """What the customer's client has after an enrolment."""

    deposit: str
    manifest: Manifest
    signature: bytes
    payloads: list[Payload] = field(repr=False)
    kit: Kit = field(repr=False)
    body: dict[str, Any] = field(repr=False)
    recovery_key: bytes = field(repr=False)
    secret: bytes = field(repr=False)


def make_deposit(
    http: Http,
    contacts: list[Contact],
    needed: int,
    *,
    secret: bytes = b"correct horse battery staple",
    **changes: Any,
) -> Deposited:
    """Split, seal and describe a deposit as a client does; nothing is sent yet."""
    found = http.get("/keys").ok()
    provider_key = b64url_decode(found["provider_key"])
    recovery_key, deposit = secrets.token_bytes(32), changes.pop("deposit", new_id())
    shares = slip39.split(recovery_key, needed, len(contacts))
    roles = ["customer", *["contact"] * len(contacts), "provider"]
    people = [kit.Contact(c.name, c.address, secrets.token_bytes(16)) for c in contacts]
    ids = [new_id() for _ in shares]
    lines = []
    for share, custody, role in zip(shares, ids, roles, strict=True):
        commitment = people[share.member_index].commitment() if role == "contact" else None
        lines.append(Custody.of_share(share, deposit, custody, role, commitment))
    sealed_secret = envelope.seal(secret, recovery_key)
    owner = keys.owner_key(recovery_key, deposit)
    described: dict[str, Any] = {
        "kind": "real",
        "deposit": deposit,
        "created_at": http.clock.now(),
        "label": "Laptop backup",
        "replaces": None,
        "contacts_needed": needed,
        "contacts_count": len(contacts),
        "contacts_replace_totp": needed >= 2,
        "waiting_seconds": 3 * 86400,
        "slip39_id": shares[0].identifier,
        "ledger_vkey": found["ledger_vkey"],
        "provider_key_sha256": sha256(provider_key),
        "custodies": tuple(lines),
        "envelope_sha256": sha256(sealed_secret),
        "owner_key": keys.public_bytes(owner),
    }
    manifest = Manifest(**{**described, **changes})
    signature = manifest.sign(owner)
    payloads = [
        Payload(deposit, custody, role, share.words(), manifest.hash)
        for share, custody, role in zip(shares, ids, roles, strict=True)
    ]
    lines_out = []
    for contact, person, payload in zip(contacts, people, payloads[1:-1], strict=True):
        contact.custody, contact.link = payload.custody, invitation.Password.generate()
        opened = invitation.Invitation(payload, person, manifest, signature)
        lines_out.append(
            {
                "custody": payload.custody,
                "invitation": b64url(opened.seal(contact.link)),
                "fetch_sha256": b64url(sha256(contact.link.fetch_token(payload.custody))),
                "name": person.name,
                "address": person.address,
                "nonce": b64url(person.nonce),
            }
        )
    binding = seal.Binding(deposit, ids[-1], manifest.hash)
    body = {
        "manifest": b64url(manifest.data),
        "manifest_signature": b64url(signature),
        "envelope": b64url(sealed_secret),
        "provider_share": b64url(seal.seal(payloads[-1].data, provider_key, binding)),
        "contacts": lines_out,
    }
    piece = Kit(payloads[0], manifest, signature, sealed_secret, found["host"], tuple(people))
    return Deposited(deposit, manifest, signature, payloads, piece, body, recovery_key, secret)


@dataclass
class Session:
    """A recovering client between `begin` and the secret."""

    http: Http
    made: Deposited
    recovery: str
    session: str = field(default_factory=new_id)
    key: seal.PrivateKey = field(default_factory=seal.PrivateKey.generate)

    @property
    def path(self) -> str:
        return f"/recoveries/{self.recovery}/sessions/{self.session}"

    def begin(self) -> Answer:
        return self.http.put(self.path, {"public_key": b64url(self.key.public_key())})

    def releases(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.http.get(self.path).ok()["releases"]
        return found

    def call(self, contact: Contact) -> str:
        """Hold the call with a contact; returns the twelve digits that both computed."""
        call, random = new_id(), secrets.token_bytes(32)
        named = calls.Call(self.made.deposit, self.recovery, self.session, call, contact.custody)
        committed = calls.commitment(named, self.key.public_key(), random)
        path = f"{self.path}/calls/{call}"
        self.http.put(path, {"custody": contact.custody, "commitment": b64url(committed)}).ok()
        nonce = secrets.token_bytes(32)
        signed = calls.sign_nonce(contact.release_key(), call, contact.custody, committed, nonce)
        said = {
            "commitment": b64url(committed),
            "nonce": b64url(nonce),
            "signature": b64url(signed),
        }
        contact.http.post(f"{path}/nonce", said).ok()
        revealed = {"public_key": b64url(self.key.public_key()), "random": b64url(random)}
        self.http.post(f"{path}/reveal", revealed).ok()
        seen = contact.http.get(path).ok()
        key, r = b64url_decode(seen["public_key"]), b64url_decode(seen["random"])
        calls.check_reveal(named, committed, key, r)
        assert calls.code(committed, nonce, key, r) == calls.code(
            committed, nonce, self.key.public_key(), random
        )
        return calls.code(committed, nonce, key, r)

    def open(self, released: dict[str, Any]) -> Payload:
        """Open one release and check it against the manifest."""
        manifest = self.made.manifest
        binding = seal.Binding(
            self.made.deposit, released["custody"], manifest.hash, self.recovery, self.session
        )
        sealed = b64url_decode(released["sealed"])
        named = release.Release(
            self.made.deposit,
            released["custody"],
            self.recovery,
            self.session,
            manifest.hash,
            sha256(self.key.public_key()),
            sha256(sealed),
            released["time"],
        )
        line = manifest.custody(released["custody"])
        release.verify(named, b64url_decode(released["signature"]), line.release_key)
        payload = Payload.parse(seal.open(sealed, self.key, binding))
        payload.check_with(manifest)
        return payload

    def complete(self, recovery_key: bytes) -> Answer:
        time = self.http.clock.now()
        owner = keys.owner_key(recovery_key, self.made.deposit)
        manifest_hash = self.made.manifest.hash
        signature = release.sign_complete(
            owner, self.made.deposit, self.recovery, manifest_hash, time
        )
        body = {"time": time, "signature": b64url(signature)}
        return self.http.post(f"/recoveries/{self.recovery}/complete", body)
