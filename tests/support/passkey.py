"""A passkey in software, as a browser hands its answers over; it lies when it is told to."""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass, field
from typing import Any

import cbor2
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from escrow.protocol.encoding import b64url, b64url_decode, sha256
from escrow.protocol.request import sign_in_challenge

PRESENT, VERIFIED, WITH_KEY = 0x01, 0x04, 0x40


@dataclass
class Passkey:
    """One ES256 key under the name of a site; `count` goes up with every answer."""

    host: str
    origin: str
    credential_id: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    count: int = 0
    _key: ec.EllipticCurvePrivateKey = field(
        default_factory=lambda: ec.generate_private_key(ec.SECP256R1()), repr=False
    )

    def create(self, challenge: str, /, **lies: Any) -> dict[str, str]:
        """Answer `navigator.credentials.create`."""
        point = self._key.public_key().public_numbers()
        key = {1: 2, 3: -7, -1: 1, -2: point.x.to_bytes(32, "big"), -3: point.y.to_bytes(32, "big")}
        length = len(self.credential_id).to_bytes(2, "big")
        attested = bytes(16) + length + self.credential_id + cbor2.dumps(key)
        data = self._data(lies, WITH_KEY) + attested
        attestation = {"fmt": "none", "attStmt": {}, "authData": data}
        return {
            "client_data": b64url(self._client("webauthn.create", challenge, lies)),
            "attestation": b64url(cbor2.dumps(attestation)),
        }

    def answer(self, asked: str, /, **lies: Any) -> dict[str, str]:
        """Answer what the server asks of who signs in, or confirms an act."""
        return self.get(b64url(sign_in_challenge(b64url_decode(asked))), **lies)

    def get(self, challenge: str, /, **lies: Any) -> dict[str, str]:
        """Answer `navigator.credentials.get`."""
        self.count += 1
        client = self._client("webauthn.get", challenge, lies)
        data = self._data(lies, 0)
        signature = self._key.sign(data + sha256(client), ec.ECDSA(hashes.SHA256()))
        if lies.get("altered"):
            data = data[:-1] + bytes([data[-1] ^ 1])
        return {
            "credential_id": b64url(lies.get("credential_id", self.credential_id)),
            "client_data": b64url(client),
            "authenticator_data": b64url(data),
            "signature": b64url(signature),
        }

    def _client(self, kind: str, challenge: str, lies: dict[str, Any]) -> bytes:
        document = {
            "type": lies.get("type", kind),
            "challenge": lies.get("challenge", challenge),
            "origin": lies.get("origin", self.origin),
            "crossOrigin": False,
        }
        return json.dumps(document).encode()

    def _data(self, lies: dict[str, Any], flags: int) -> bytes:
        host = sha256(str(lies.get("host", self.host)).encode())
        flags |= lies.get("flags", PRESENT | VERIFIED)
        count = lies.get("count", self.count)
        return host + bytes([flags]) + int(count).to_bytes(4, "big")
