"""qr.json: the texts in QR codes."""

from __future__ import annotations

from ..basics import Cases, b64url, fixed
from ..world import HOST, MAIN
from .invitation import DIGITS, FRAGMENT
from .kit import CHECKPOINT

DESCRIPTION = "Section 14: what a QR code says"


def add_wrong(made: Cases) -> None:
    custody = MAIN.customer
    payload = MAIN.payload(custody)
    share = "escrow1s:" + b64url(payload)
    check = "escrow1c:" + b64url(bytes.fromhex(MAIN.id + custody.id) + custody.check_seed)
    for name, operation, text, error in [
        ("another kind", "read_share_qr", check, "malformed_qr"),
        (
            "prefix in upper case",
            "read_share_qr",
            share.replace("escrow", "ESCROW"),
            "malformed_qr",
        ),
        ("no prefix", "read_share_qr", b64url(payload), "malformed_qr"),
        ("not base64url", "read_share_qr", share[:-1] + "=", "malformed_qr"),
        ("not a share", "read_share_qr", "escrow1s:" + b64url(b"{}"), "malformed_share"),
        ("another kind", "read_check_qr", share, "malformed_qr"),
        ("one byte short", "read_check_qr", "escrow1c:" + b64url(bytes(47)), "malformed_qr"),
        ("one byte long", "read_check_qr", "escrow1c:" + b64url(bytes(49)), "malformed_qr"),
        ("with a space", "read_check_qr", check[:20] + " " + check[20:], "malformed_qr"),
        ("not UTF-8", "read_checkpoint_qr", "escrow1l:" + b64url(b"\xff"), "malformed_qr"),
        ("another kind", "read_envelope_qr", check, "malformed_qr"),
    ]:
        case = f"{operation.replace('_', ' ')}: {name}"
        made.bad(case, operation, {"text": text}, error)


def cases() -> Cases:
    made = Cases(DESCRIPTION)
    for custody in (MAIN.customer, MAIN.contacts[0]):
        payload = MAIN.payload(custody)
        text = "escrow1s:" + b64url(payload)
        made.good(f"share: {custody.role}", "share_qr", {"payload": payload}, text=text)
        made.good(f"read share: {custody.role}", "read_share_qr", {"text": text}, payload=payload)
        parts = {"deposit": MAIN.id, "custody": custody.id, "check_seed": custody.check_seed}
        joined = bytes.fromhex(MAIN.id + custody.id) + custody.check_seed
        text = "escrow1c:" + b64url(joined)
        made.good(f"check: {custody.role}", "check_qr", parts, text=text)
        made.good(f"read check: {custody.role}", "read_check_qr", {"text": text}, **parts)
    text = "escrow1l:" + b64url(CHECKPOINT.encode())
    made.good("checkpoint", "checkpoint_qr", {"note": CHECKPOINT}, text=text)
    made.good("read checkpoint", "read_checkpoint_qr", {"text": text}, note=CHECKPOINT)
    text = "escrow1e:" + b64url(MAIN.envelope)
    made.good("envelope", "envelope_qr", {"envelope": MAIN.envelope}, text=text)
    made.good("read envelope", "read_envelope_qr", {"text": text}, envelope=MAIN.envelope)
    # 9 characters of prefix and 1691 of base64url are 1700; 1691 is 3 modulo 4: 1268 bytes.
    longest = fixed("envelope", 1268)
    text = "escrow1e:" + b64url(longest)
    if len(text) != 1700:
        raise AssertionError(len(text))
    made.good("envelope: 1700 characters", "envelope_qr", {"envelope": longest}, text=text)
    for length in (1269, 5000):
        given = {"envelope": fixed("envelope", length)}
        made.good(f"envelope: {length} bytes have no code", "envelope_qr", given, text=None)
    add_wrong(made)
    contact = MAIN.contacts[0].id
    for host in (HOST, "http://127.0.0.1:8000", "http://localhost:8001", "escrow.example:8443"):
        start = host if host.startswith("http://") else "https://" + host
        link = f"{start}/invite/{contact}#{FRAGMENT}"
        given = {"host": host, "custody": contact, "fragment": FRAGMENT}
        made.good(f"invitation link: {host}", "invitation_link", given, text=link)
        parts = {"host": start, "custody": contact, "fragment": FRAGMENT, "digits": None}
        made.good(f"read invitation link: {host}", "read_invitation", {"text": link}, **parts)
        given |= {"digits": DIGITS}
        both = f"{link}-{DIGITS}"
        made.good(f"invitation: {host}", "invitation_qr", given, text=both)
        parts |= {"digits": DIGITS}
        made.good(f"read invitation: {host}", "read_invitation", {"text": both}, **parts)
    link = f"https://{HOST}/invite/{contact}#{FRAGMENT}"
    for name, text in {
        "another scheme": link.replace("https", "ftp"),
        "http for a host that is not this machine": link.replace("https", "http"),
        "http for a host that only begins like this machine": link.replace(
            f"https://{HOST}", "http://localhost.example.org"
        ),
        "no scheme": link.removeprefix("https://"),
        "another path": link.replace("/invite/", "/invited/"),
        "a query": link.replace("#", "?a=b#"),
        "a custody in upper case": link.replace(contact, contact.upper()),
        "a fragment of 21 characters": link[:-1],
        "a fragment of 23 characters": link + "A",
        "15 digits": f"{link}-{DIGITS[1:]}",
        "17 digits": f"{link}-{DIGITS}0",
        "digits of another script": f"{link}-{DIGITS[1:]}\u0660",
        "no fragment": link.split("#")[0],
        "nothing": "",
    }.items():
        made.bad(f"read invitation: {name}", "read_invitation", {"text": text}, "malformed_link")
    return made
