"""The keys that the web tier holds, and what is done with them (PROTOCOL.md section 13).

- columns with addresses, names and authenticator secrets: AES-256-GCM, AAD = (table, column, row,
  owner), so that a ciphertext moved to another row does not open;
- look-ups by address, and hashes of codes and tokens: HMAC-SHA256 under the look-up key;
- rows on which the web decides: HMAC-SHA256 under the MAC key, over all columns.

The custodian holds these keys too, never the reverse.
"""

import hmac
import secrets
import unicodedata
from dataclasses import dataclass, field
from functools import cache, lru_cache
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import inspect

from escrow.db import Base
from escrow.errors import Unavailable
from escrow.protocol.encoding import pae

KEY_LENGTH_BYTES = 32
_NONCE_LENGTH_BYTES = 12


class ForgedRow(Unavailable):
    """A record was changed from outside the service; it is not used. Tell the provider."""


@dataclass(frozen=True)
class WebKeys:
    """Three keys of 32 bytes. They never show in a `repr`."""

    column_key: bytes = field(repr=False)
    lookup_key: bytes = field(repr=False)
    mac_key: bytes = field(repr=False)

    @classmethod
    def generate(cls) -> "WebKeys":
        """Make fresh keys from the random generator."""
        return cls(*(secrets.token_bytes(KEY_LENGTH_BYTES) for _ in range(3)))

    def encrypt(self, place: tuple[str, str], row: str, owner: str, plaintext: str) -> bytes:
        """Encrypt text for one (table, column) of one row that belongs to `owner`."""
        nonce = secrets.token_bytes(_NONCE_LENGTH_BYTES)
        aad = pae("escrow/v1/column", *place, row, owner)
        return nonce + _cipher(self.column_key).encrypt(nonce, plaintext.encode(), aad)

    def decrypt(self, place: tuple[str, str], row: str, owner: str, ciphertext: bytes) -> str:
        """Decrypt a column; raises ForgedRow for a ciphertext of another place, row or owner."""
        nonce, body = ciphertext[:_NONCE_LENGTH_BYTES], ciphertext[_NONCE_LENGTH_BYTES:]
        aad = pae("escrow/v1/column", *place, row, owner)
        try:
            return _cipher(self.column_key).decrypt(nonce, body, aad).decode()
        except (InvalidTag, ValueError):
            raise ForgedRow from None

    def lookup(self, address: str) -> bytes:
        """Return the 32-byte keyed hash by which an address is found (case-insensitive)."""
        return self.hash("address", canonical_address(address))

    def domain(self, address: str) -> bytes:
        """Return the 32-byte keyed hash of an address's domain, or of a domain alone."""
        return self.hash("domain", domain_of(address))

    def hash(self, purpose: str, *parts: str | bytes | int | None) -> bytes:
        """Return a 32-byte keyed hash of a code, a token or whatever must not be stored."""
        return hmac.digest(self.lookup_key, pae(f"escrow/v1/lookup/{purpose}", *parts), "sha256")

    def seal_row(self, row: Base) -> None:
        """Set a row's `mac` over all its other columns. Call it after every change."""
        row.mac = self._row_mac(row)  # type: ignore[attr-defined]

    def check_row(self, row: Any, kind: type[Base] | None = None) -> None:
        """Refuse a row that was changed without the MAC key; raises ForgedRow.

        `kind` is its table where only its columns were read.
        """
        stored: bytes = row.mac
        if not hmac.compare_digest(stored, self._row_mac(row, kind)):
            raise ForgedRow

    def _row_mac(self, row: Any, kind: type[Base] | None = None) -> bytes:
        of: type[Base] = kind or type(row)
        table, names = _sealed_columns(of)
        fields: list[Any] = [table]
        for name in names:
            value = getattr(row, name)
            fields += (name, "null" if value is None else type(value).__name__, _plain(value))
        return hmac.digest(self.mac_key, pae("escrow/v1/row", *fields), "sha256")


@lru_cache(maxsize=4)
def _cipher(key: bytes) -> AESGCM:
    return AESGCM(key)


@cache
def _sealed_columns(kind: type[Base]) -> tuple[str, list[str]]:
    columns = inspect(kind).column_attrs
    return kind.__tablename__, sorted(column.key for column in columns if column.key != "mac")


def _plain(value: Any) -> bytes | str | None:
    return str(value) if isinstance(value, bool | int) else value


def canonical_address(address: str) -> str:
    """Write an address so that the same mailbox gives the same text: NFC, trimmed, lower-case."""
    return unicodedata.normalize("NFC", address.strip()).lower()


def domain_of(address: str) -> str:
    """Return the domain of an address as it is compared: what stands behind the last “@”."""
    return canonical_address(address).rpartition("@")[2].rstrip(".")
