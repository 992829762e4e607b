"""invitation.json: how a contact's share travels."""

from __future__ import annotations

import hashlib
from typing import Any

from .. import age
from ..basics import Cases, b64url, canonical, fixed, flip, hkdf, pae, raw, sha256
from ..bech32 import identity
from ..shapes import (
    Path,
    add_refusals,
    add_writing_refusals,
    few,
    kind_bytes,
    replaced,
)
from ..world import MAIN, PAIR, Custody, Deposit
from .kit import COMMON_KINDS, CONTACT_ADDRESS, CONTACT_NAME, add_parts, payload_failures

DESCRIPTION = "Sections 7 and 14: invitation, its key, its fetch token, its plaintext"
FRAGMENT_BYTES = fixed("fragment", 16)
FRAGMENT = b64url(FRAGMENT_BYTES)
DIGITS = "0123456789012345"


def key_of(custody: str, fragment: str, digits: str) -> bytes:
    password = f"{fragment}-{digits}".encode("ascii")
    salt = pae("escrow/v1/invitation", raw(custody))
    return hashlib.scrypt(password, salt=salt, n=2**16, r=8, p=1, maxmem=2**27, dklen=32)


def invitation(deposit: Deposit, custody: Custody) -> dict[str, Any]:
    contact = custody.contact
    if contact is None:
        raise AssertionError("only a contact is invited")
    return {
        "format": "escrow/v1/invitation",
        "payload": b64url(deposit.payload(custody)),
        "name": contact.name,
        "address": contact.address,
        "nonce": b64url(contact.nonce),
        "manifest": b64url(deposit.manifest),
        "manifest_signature": b64url(deposit.signature),
    }


def add_keys(cases: Cases) -> None:
    custody = MAIN.contacts[0]
    other = MAIN.contacts[1]
    for name, holder, digits in [
        ("a contact", custody, DIGITS),
        ("other digits", custody, "9999999999999999"),
        ("another custody", other, DIGITS),
    ]:
        given = {"custody": holder.id, "fragment": FRAGMENT, "digits": digits}
        key = key_of(holder.id, FRAGMENT, digits)
        output = {"key": key, "identity": identity(key)}
        cases.good(f"key: {name}", "invitation_key", given, **output)
    for name, holder in {"a contact": custody, "another custody": other}.items():
        token = hkdf(FRAGMENT_BYTES, b"", pae("escrow/v1/invitation/fetch", raw(holder.id)))
        given = {"custody": holder.id, "fragment": FRAGMENT}
        cases.good(f"fetch token: {name}", "fetch_token", given, token=token, hash=sha256(token))


def add_sealed(cases: Cases) -> None:
    custody = MAIN.contacts[0]
    plaintext = canonical(invitation(MAIN, custody))
    sealed = age.checked(plaintext, key_of(custody.id, FRAGMENT, DIGITS), "invitation")
    given = {"sealed": sealed, "custody": custody.id, "fragment": FRAGMENT, "digits": DIGITS}
    cases.good("open", "open_invitation", given, invitation=plaintext)
    for name, change, error in [
        ("one digit wrong", {"digits": "1" + DIGITS[1:]}, "wrong_key"),
        ("another fragment", {"fragment": b64url(flip(FRAGMENT_BYTES))}, "wrong_key"),
        ("another custody", {"custody": MAIN.contacts[1].id}, "wrong_key"),
        ("last byte changed", {"sealed": flip(sealed, -1)}, "damaged_envelope"),
        ("cut", {"sealed": sealed[:-1]}, "damaged_envelope"),
        ("15 digits", {"digits": DIGITS[1:]}, "wrong_digits"),
        ("17 digits", {"digits": DIGITS + "0"}, "wrong_digits"),
        ("a letter among the digits", {"digits": "O" + DIGITS[1:]}, "wrong_digits"),
        ("digits of another script", {"digits": DIGITS[1:] + "\u0660"}, "wrong_digits"),
        ("a fragment of 21 characters", {"fragment": FRAGMENT[:-1]}, "wrong_fragment"),
        ("a fragment of 23 characters", {"fragment": FRAGMENT + "A"}, "wrong_fragment"),
        ("a fragment with a plus sign", {"fragment": "+" + FRAGMENT[1:]}, "wrong_fragment"),
        ("a fragment with stray bits", {"fragment": FRAGMENT[:-1] + "B"}, "wrong_fragment"),
    ]:
        cases.bad(f"open: {name}", "open_invitation", given | change, error)


def add_plaintext(cases: Cases) -> None:
    operation, key = "parse_invitation", "invitation"
    for deposit, custody in [
        (MAIN, MAIN.contacts[0]),
        (MAIN, MAIN.contacts[2]),
        (PAIR, PAIR.contacts[0]),
    ]:
        data = canonical(invitation(deposit, custody))
        name = f"invitation: {deposit.name}, contact {custody.member}"
        cases.good(name, operation, {key: data}, invitation=data)
    custody = PAIR.contacts[0]
    document = invitation(PAIR, custody)
    kinds = [
        *COMMON_KINDS[:-1],
        (["name"], CONTACT_NAME),
        (["address"], CONTACT_ADDRESS),
        (["nonce"], few(kind_bytes(16), 4)),
    ]
    error = "malformed_invitation"
    add_refusals(cases, operation, key, error, document, kinds, "invitation: ")
    good = canonical(invitation(PAIR, PAIR.contacts[0]))
    add_writing_refusals(cases, operation, key, error, good, "invitation: ")
    padded = {key: good[:-1] + b" " * 32_768 + b"}"}
    cases.bad("invitation: longer than 32 KiB", operation, padded, error, "")
    failures = payload_failures(PAIR, custody, PAIR.customer)
    add_parts(cases, operation, document, failures)
    changes: list[tuple[str, Path, str]] = [
        ("another name", ["name"], "Mallory"),
        ("a name that is the same after NFC", ["name"], "Zoe\u0308 van Dijk"),
        ("another address", ["address"], "mallory@example.org"),
        ("another nonce", ["nonce"], b64url(fixed("n", 16))),
    ]
    for name, path, value in changes:
        data = canonical(replaced(document, path, value))
        cases.bad(f"invitation: {name}", operation, {key: data}, "wrong_contact")
    swapped = invitation(MAIN, MAIN.contacts[1])
    swapped["payload"] = b64url(MAIN.payload(MAIN.contacts[0]))
    data = canonical(swapped)
    cases.bad("invitation: another contact's payload", operation, {key: data}, "wrong_contact")


def cases() -> Cases:
    made = Cases(DESCRIPTION)
    add_keys(made)
    add_sealed(made)
    add_plaintext(made)
    return made
