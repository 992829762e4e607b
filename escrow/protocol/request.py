"""Signed messages of those who have no account, and approvals of those who have power.

    request   PAE("escrow/v1/request", custody, method, path, SHA-256(body), time), by a release key
    approval  PAE("escrow/v1/approval", operation, target, body_sha256, expires), by an admin's
              passkey or an operator's Ed25519 key

`method` is upper-case, `path` starts with /api/v1 and carries no query. Source: PROTOCOL.md
section 13.
"""

from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from escrow.protocol import keys
from escrow.protocol.encoding import pae, pae_hash, raw_id, sha256


@dataclass(frozen=True)
class Request:
    """One HTTP request of a contact. `time` is in Unix seconds, at most five minutes off."""

    custody: str
    method: str
    path: str
    body: bytes
    time: int

    def _message(self) -> bytes:
        return message(self.custody, self.method, self.path, sha256(self.body), self.time)


def message(custody: str, method: str, path: str, body_sha256: bytes, time: int) -> bytes:
    """Return the bytes that are signed, for who has the body's SHA-256 only."""
    return pae("escrow/v1/request", raw_id(custody), method, path, body_sha256, time)


def sign(request: Request, key: Ed25519PrivateKey) -> bytes:
    """Sign a request with the custody's release key; returns 64 bytes."""
    return key.sign(request._message())


def verify(request: Request, signature: bytes, release_key: bytes) -> None:
    """Check a request by the 32-byte public release key; raises BadSignature."""
    keys.verify(release_key, signature, request._message())


@dataclass(frozen=True)
class Approval:
    """What is approved: an operation on a target, with the SHA-256 of its exact content."""

    operation: str
    target: str
    body_sha256: bytes
    expires: int

    def message(self) -> bytes:
        """Return the bytes that are signed."""
        return pae(
            "escrow/v1/approval", self.operation, self.target, self.body_sha256, self.expires
        )

    def challenge(self) -> bytes:
        """Return what a passkey is asked to sign: 32 bytes, the SHA-256 of the message."""
        return sha256(self.message())


def sign_in_challenge(asked: bytes) -> bytes:
    """Return what a passkey signs for a challenge of the server: 32 bytes.

    Under a label of its own, so that no server can have an approval signed as a mere sign-in.
    """
    return pae_hash("escrow/v1/admin/sign-in", asked)


def sign_approval(approval: Approval, key: Ed25519PrivateKey) -> bytes:
    """Sign an approval with an operator's key; returns 64 bytes."""
    return key.sign(approval.message())


def verify_approval(approval: Approval, signature: bytes, operator_key: bytes) -> None:
    """Check an operator's approval; raises BadSignature."""
    keys.verify(operator_key, signature, approval.message())
