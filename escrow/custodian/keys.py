"""The custodian's keys, on the disk as `<key_dir>/custodian.json`, wrapped by a keyring.

- `mac_key`: 32 bytes; what the custodian says, and what it has sequenced, carries a MAC of it;
- `ledger`: the signers of checkpoints, newest first. A checkpoint carries a signature of each kept
  key, so that a client that has pinned an earlier one still reads it;
- `sealing`: the X-Wing keys that provider shares are sealed to, newest first. Earlier ones are kept
  until every share was sealed anew.

The ledger's origin is fixed when its first key is made and stands in the file: a public address
that changes later does not make another ledger. Only `escrow server init` makes keys.
"""

import secrets
from dataclasses import dataclass, field, replace
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from escrow.custodian.keyring import Keyring
from escrow.errors import ConfigurationError
from escrow.i18n import N_
from escrow.keyfile import create_private, read_private, replace_private
from escrow.ledger.append import Author
from escrow.protocol import note, seal
from escrow.protocol.encoding import (
    INTEGER,
    KEY,
    ListOf,
    Shape,
    binary,
    choice,
    read_document,
    text,
    write_document,
)
from escrow.protocol.errors import ProtocolError

NAME = "custodian.json"
_FORMAT = "escrow/v1/custodian-keys"
MAX_KEYS = 24
_SEEDS = ListOf(Shape(seed=KEY, since=INTEGER), MAX_KEYS)
_KEYS = Shape(format=choice(_FORMAT), mac_key=KEY, ledger=_SEEDS, sealing=_SEEDS)
_FILE = Shape(format=choice(_FORMAT), origin=text(300), keyring=text(16), wrapped=binary(8192))


@dataclass(frozen=True)
class CustodianKeys:
    """All private keys of the custodian. `…_since` says when each was made (Unix seconds)."""

    mac_key: bytes = field(repr=False)
    ledger: tuple[note.Signer, ...]
    ledger_since: tuple[int, ...]
    sealing: tuple[seal.PrivateKey, ...]
    sealing_since: tuple[int, ...]

    @classmethod
    def generate(cls, origin: str, now: int) -> "CustodianKeys":
        """Make fresh keys for a ledger."""
        signer = note.Signer(origin, Ed25519PrivateKey.generate())
        key = seal.PrivateKey.generate()
        return cls(secrets.token_bytes(32), (signer,), (now,), (key,), (now,))

    @property
    def origin(self) -> str:
        """The ledger's origin, which is also the name of its key."""
        return self.signer.name

    @property
    def signer(self) -> note.Signer:
        """The present ledger key."""
        return self.ledger[0]

    @property
    def author(self) -> Author:
        """The custodian as an author of ledger events."""
        return Author("custodian", self.mac_key)

    @property
    def provider_key(self) -> bytes:
        """The present public key (1216 bytes) that provider shares are sealed to."""
        return self.sealing[0].public_key()

    def accepted_since(self, time: int) -> list[bytes]:
        """Return the provider's public keys that were the present one at `time` or later."""
        later = [
            key
            for key, end in zip(self.sealing[1:], self.sealing_since, strict=False)
            if end > time
        ]
        return [self.provider_key, *(key.public_key() for key in later)]

    def with_new_ledger_key(self, now: int) -> "CustodianKeys":
        """Put a fresh ledger key before the kept ones."""
        signer = note.Signer(self.origin, Ed25519PrivateKey.generate())
        return replace(self, ledger=(signer, *self.ledger), ledger_since=(now, *self.ledger_since))

    def with_new_sealing_key(self, now: int) -> "CustodianKeys":
        """Put a fresh sealing key before the kept ones."""
        key = seal.PrivateKey.generate()
        return replace(self, sealing=(key, *self.sealing), sealing_since=(now, *self.sealing_since))

    def create(self, key_dir: Path, keyring: Keyring) -> None:
        """Write a new key file (`escrow server init`, once); raises FileExistsError."""
        create_private(key_dir / NAME, self._wrapped(keyring))

    def replace_in(self, key_dir: Path, keyring: Keyring) -> None:
        """Write the key file anew, after a key was added."""
        replace_private(key_dir / NAME, self._wrapped(keyring))

    def _wrapped(self, keyring: Keyring) -> bytes:
        document = {
            "format": _FORMAT,
            "mac_key": self.mac_key,
            "ledger": [
                {"seed": signer.key.private_bytes_raw(), "since": since}
                for signer, since in zip(self.ledger, self.ledger_since, strict=True)
            ],
            "sealing": [
                {"seed": key.seed, "since": since}
                for key, since in zip(self.sealing, self.sealing_since, strict=True)
            ],
        }
        wrapped = keyring.wrap(write_document(document, _KEYS), _context(self.origin))
        file = {
            "format": _FORMAT,
            "origin": self.origin,
            "keyring": keyring.name,
            "wrapped": wrapped,
        }
        return write_document(file, _FILE)

    @classmethod
    def load(cls, key_dir: Path, keyring: Keyring) -> "CustodianKeys":
        """Read and unwrap the key file; raises ConfigurationError."""
        path = key_dir / NAME
        try:
            file = read_document(read_private(path), _FILE, "keys", 16384)
            if file["keyring"] != keyring.name:
                raise ConfigurationError(
                    N_(
                        "{path} was wrapped by the keyring “{keyring}”, and the settings name "
                        "“{name}”."
                    ),
                    path=path,
                    keyring=file["keyring"],
                    name=keyring.name,
                )
            origin = file["origin"]
            plain = keyring.unwrap(file["wrapped"], _context(origin))
            found = read_document(plain, _KEYS, "keys", 8192)
        except ProtocolError:
            raise ConfigurationError(
                N_("{path} is damaged: restore it from its backup"), path=path
            ) from None
        ledger, sealing = found["ledger"], found["sealing"]
        return cls(
            found["mac_key"],
            tuple(
                note.Signer(origin, Ed25519PrivateKey.from_private_bytes(key["seed"]))
                for key in ledger
            ),
            tuple(key["since"] for key in ledger),
            tuple(seal.PrivateKey(key["seed"]) for key in sealing),
            tuple(key["since"] for key in sealing),
        )


def _context(origin: str) -> dict[str, str]:
    return {"format": _FORMAT, "origin": origin}
