"""One fixed deposit (and smaller ones) from which most cases are made."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from shamir_mnemonic.share import Share

from . import age, hpke, notes
from .basics import b64url, canonical, fixed, hkdf, identifier, pae, public_of, raw, sha256, sign
from .shares import policy_groups, split

HOST = "escrow.example"
LEDGER = HOST + "/ledger"
LEDGER_SEED = fixed("ledger key", 32)
LEDGER_VKEY = notes.vkey(LEDGER, public_of(LEDGER_SEED))
PROVIDER_SEED = fixed("provider hpke key", 32)
PROVIDER_PUBLIC_KEY = hpke.public_key(PROVIDER_SEED)
CREATED_AT = 1_760_000_000
NAMES = ["Zoë van Dijk", "Иван Петров", "張 偉 🌿"]


@dataclass
class Contact:
    name: str
    address: str
    nonce: bytes

    def commitment(self) -> bytes:
        return sha256(pae("escrow/v1/contact", self.nonce, self.name, self.address))


@dataclass
class Custody:
    id: str
    role: str
    group: int
    member: int
    share: Share
    deposit: str
    contact: Contact | None

    def derived(self, ikm: bytes, label: str, length: int = 32) -> bytes:
        salt = sha256(pae("escrow/v1/context", raw(self.deposit)))
        return hkdf(ikm, salt, pae(label, raw(self.id)), length)

    @property
    def release_seed(self) -> bytes:
        return self.derived(self.share.value, "escrow/v1/key/release")

    @property
    def check_seed(self) -> bytes:
        return self.derived(self.share.value, "escrow/v1/key/check", 16)

    @property
    def attest_seed(self) -> bytes:
        return self.derived(self.check_seed, "escrow/v1/key/attest")

    def entry(self) -> dict[str, Any]:
        """The custody's place in the manifest."""
        return {
            "custody": self.id,
            "role": self.role,
            "group": self.group,
            "member": self.member,
            "contact_commitment": b64url(self.contact.commitment()) if self.contact else None,
            "attest_key": b64url(public_of(self.attest_seed)),
            "release_key": b64url(public_of(self.release_seed)),
        }


@dataclass
class Deposit:
    """A whole deposit as its owner's client knows it."""

    name: str
    needed: int
    count: int
    kind: str = "real"
    changes: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.id = identifier("deposit " + self.name)
        self.recovery_key = fixed("recovery key " + self.name, 32)
        self.secret = f"correct horse battery staple, {self.name}\n".encode()
        self.envelope = age.checked(self.secret, self.recovery_key, "envelope " + self.name)
        groups = split(self.name, self.recovery_key, policy_groups(self.needed, self.count))
        self.slip39_id = groups[0][0].identifier
        last = len(groups) - 1
        self.custodies = [
            self._custody("customer" if g == 0 else "provider" if g == last else "contact", share)
            for g, members in enumerate(groups)
            for share in members
        ]
        salt = sha256(pae("escrow/v1/context", raw(self.id)))
        self.owner_seed = hkdf(self.recovery_key, salt, pae("escrow/v1/key/owner"))
        self.manifest = canonical(self.document())
        self.manifest_hash = sha256(pae("escrow/v1/manifest", self.manifest))
        self.signature = sign(self.owner_seed, pae("escrow/v1/manifest/signed", self.manifest))

    def _custody(self, role: str, share: Share) -> Custody:
        label = f"{self.name} {role} {share.index}"
        contact = None
        if role == "contact":
            name = NAMES[share.index % 3]
            address = f"contact{share.index}@example.org"
            contact = Contact(name, address, fixed("contact nonce " + label, 16))
        ident = identifier("custody " + label)
        return Custody(ident, role, share.group_index, share.index, share, self.id, contact)

    def document(self) -> dict[str, Any]:
        """The manifest as a JSON object, fields in order."""
        document = {
            "format": "escrow/v1/manifest",
            "kind": self.kind,
            "deposit": self.id,
            "created_at": CREATED_AT,
            "label": "Back-up of the café’s laptop",
            "replaces": None,
            "contacts": {"needed": self.needed, "count": self.count},
            "contacts_replace_totp": self.needed >= 2,
            "waiting_seconds": 0 if self.kind == "drill" else 259_200,
            "slip39_id": self.slip39_id,
            "ledger_vkey": LEDGER_VKEY,
            "provider_key_sha256": b64url(sha256(PROVIDER_PUBLIC_KEY)),
            "custodies": [custody.entry() for custody in self.custodies],
            "envelope_sha256": b64url(sha256(self.envelope)),
            "owner_key": b64url(public_of(self.owner_seed)),
        }
        return document | self.changes

    @property
    def customer(self) -> Custody:
        return self.custodies[0]

    @property
    def contacts(self) -> list[Custody]:
        return self.custodies[1:-1]

    @property
    def provider(self) -> Custody:
        return self.custodies[-1]

    def payload_document(self, custody: Custody) -> dict[str, Any]:
        return {
            "format": "escrow/v1/share",
            "deposit": self.id,
            "custody": custody.id,
            "role": custody.role,
            "words": custody.share.mnemonic(),
            "manifest_hash": b64url(self.manifest_hash),
        }

    def payload(self, custody: Custody) -> bytes:
        return canonical(self.payload_document(custody))


MAIN = Deposit("main", 2, 3)
PAIR = Deposit("one contact", 1, 1)
ALONE = Deposit("no contact", 0, 0)
LARGE = Deposit("sixteen contacts", 16, 16)
DRILL = Deposit("drill", 2, 2, kind="drill")

RECOVERY = identifier("recovery")
SESSION = identifier("session")
SESSION_SEED = fixed("session key", 32)
SESSION_PUBLIC_KEY = hpke.public_key(SESSION_SEED)
CALL = identifier("call")
CHECKPOINT_HASH = sha256(notes.checkpoint(LEDGER, 7, fixed("some root", 32)).encode())
NOW = 1_761_000_000
