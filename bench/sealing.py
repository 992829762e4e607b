"""Part 2: sealing and opening, beside the sum of their primitives and the bare library call."""

from __future__ import annotations

import hashlib
import secrets

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hpke import (
    AEAD,
    KDF,
    KEM,
    MLKEM768X25519PrivateKey,
    MLKEM768X25519PublicKey,
    Suite,
)
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from bench.measure import Line, Part, Timed, milliseconds, side_by_side
from escrow.protocol import seal

AIM = 1.2
ROUNDS = 60
_SUITE = Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA256, AEAD.CHACHA20_POLY1305)


def run(rounds: int = ROUNDS) -> Part:
    part = Part(
        "Sealing and opening",
        "A share of 600 bytes, HPKE with X-Wing. Sealing reads the recipient's key from its 1 216 "
        "bytes each time, as a client must, and so do both floors. A custodian holds its key, so "
        "for opening the floors have it ready too; “first” is with a fresh key, which every side "
        "makes from its seed of 32 bytes. The limit is against the primitives. "
        "Primitives: ML-KEM-768, X25519, SHA3-256, HKDF-SHA256 (three times as in HPKE), "
        "ChaCha20-Poly1305.",
    )
    key = seal.PrivateKey.generate()
    kem, curve = key.parts()
    public = key.public_key()
    private = MLKEM768X25519PrivateKey(kem, curve)
    binding = seal.Binding("00" * 16, "11" * 16, secrets.token_bytes(32))
    info, plaintext = binding.info(public), secrets.token_bytes(600)
    sealed = seal.seal(plaintext, public, binding)
    assert seal.open(sealed, key, binding) == plaintext
    own = curve.public_key().public_bytes_raw()

    def load() -> tuple[MLKEM768PublicKey, X25519PublicKey]:
        return (
            MLKEM768PublicKey.from_public_bytes(public[:1184]),
            X25519PublicKey.from_public_bytes(public[1184:]),
        )

    def primitives_seal() -> bytes:
        theirs, point = load()
        secret, ciphertext = theirs.encapsulate()
        fresh = X25519PrivateKey.generate()
        share = fresh.public_key().public_bytes_raw()
        mixed = secret + fresh.exchange(point) + share + public[1184:]
        cipher, nonce = _schedule(mixed, info)
        return ciphertext + share + cipher.encrypt(nonce, plaintext, b"")

    def primitives_open() -> bytes:
        return opened(kem, curve, own)

    def primitives_first() -> bytes:
        fresh_kem, fresh_curve = seal.PrivateKey(key.seed).parts()
        return opened(fresh_kem, fresh_curve, fresh_curve.public_key().public_bytes_raw())

    def opened(kem: MLKEM768PrivateKey, curve: X25519PrivateKey, own: bytes) -> bytes:
        share = sealed[1088:1120]
        shared = curve.exchange(X25519PublicKey.from_public_bytes(share))
        cipher, nonce = _schedule(kem.decapsulate(sealed[:1088]) + shared + share + own, info)
        return cipher.encrypt(nonce, sealed[1120:-16], b"")  # as dear as decrypting

    found = side_by_side(
        {
            "seal": lambda: seal.seal(plaintext, public, binding),
            "library seal": lambda: _SUITE.encrypt(
                plaintext, MLKEM768X25519PublicKey(*load()), info
            ),
            "primitives seal": primitives_seal,
            "open": lambda: seal.open(sealed, key, binding),
            "library open": lambda: _SUITE.decrypt(sealed, private, info),
            "primitives open": primitives_open,
            "first": lambda: seal.open(sealed, seal.PrivateKey(key.seed), binding),
            "primitives first": primitives_first,
            "library first": lambda: _SUITE.decrypt(
                sealed, MLKEM768X25519PrivateKey(*seal.PrivateKey(key.seed).parts()), info
            ),
        },
        rounds,
        calls=20,
    )
    for verb, what in (("seal", "seal"), ("open", "open"), ("first", "open, first")):
        part.add(_line(what, found[verb], found[f"primitives {verb}"], "primitives", AIM))
        part.add(_line(what, found[verb], found[f"library {verb}"], "bare library call", None))
    return part


def _schedule(mixed: bytes, info: bytes) -> tuple[ChaCha20Poly1305, bytes]:
    """Derive key and nonce with as many hashes as X-Wing's combiner and HPKE's schedule need."""
    secret = hashlib.sha3_256(mixed + rb"\.//^\ ").digest()
    prk = HKDF.extract(hashes.SHA256(), b"", info)
    prk = HKDF.extract(hashes.SHA256(), prk, secret)
    key = _expand(prk, b"key", 32)
    return ChaCha20Poly1305(key), _expand(prk, b"base_nonce", 12)


def _expand(prk: bytes, label: bytes, length: int) -> bytes:
    from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

    return HKDFExpand(hashes.SHA256(), length, label).derive(prk)


def _line(what: str, ours: Timed, other: Timed, name: str, aim: float | None) -> Line:
    beside = f"{name}: {milliseconds(other.median)}"
    return Line(what, milliseconds(ours.median), beside, ours.ratio(other), aim)
