"""JSON documents, invitation, seal, wraps, QR texts."""

from __future__ import annotations

from escrow.protocol import (
    encoding,
    invitation,
    keys,
    kit,
    ledger,
    manifest,
    move,
    qr,
    request,
    seal,
    share,
    wrap,
)
from tests.protocol.operations.registry import Input, Output, operation, private, raw


@operation
def parse_manifest(given: Input) -> Output:
    return {"manifest": manifest.Manifest.parse(raw(given["manifest"])).data}


@operation
def manifest_hash(given: Input) -> Output:
    return {"hash": manifest.Manifest.parse(raw(given["manifest"])).hash}


@operation
def manifest_code(given: Input) -> Output:
    code = manifest.Manifest.parse(raw(given["manifest"])).code()
    return {"digits": code, "text": encoding.grouped(code)}


@operation
def sign_manifest(given: Input) -> Output:
    found = manifest.Manifest.parse(raw(given["manifest"]))
    return {"signature": found.sign(private(given["owner_seed"]))}


@operation
def verify_manifest(given: Input) -> None:
    manifest.Manifest.parse(raw(given["manifest"])).verify(raw(given["signature"]))


@operation
def contact_commitment(given: Input) -> Output:
    made = manifest.contact_commitment(raw(given["nonce"]), given["name"], given["address"])
    return {"commitment": made}


@operation
def parse_share(given: Input) -> Output:
    return {"share": share.Payload.parse(raw(given["share"])).data}


@operation
def share_value(given: Input) -> Output:
    return {"value": share.Payload.parse(raw(given["share"])).share().value}


@operation
def parse_kit(given: Input) -> Output:
    return {"kit": kit.Kit.parse(raw(given["kit"])).data}


@operation
def parse_move(given: Input) -> Output:
    found = move.Move.parse(raw(given["move"]))
    return {"move": found.data, "commitment": found.commitment()}


@operation
def sign_move(given: Input) -> Output:
    found = move.Move.parse(raw(given["move"]))
    asked = found.request(given["custody"], given["time"])
    return {"signature": request.sign(asked, private(given["seed"]))}


@operation
def newest_move(given: Input) -> Output:
    hashes = ("previous", "commitment", "body_sha256", "signature")
    moves = [
        move.Moved(**{**line, **{name: raw(line[name]) for name in hashes}})
        for line in given["moves"]
    ]
    last = move.newest(raw(given["commitment"]), moves, raw(given["key"]))
    return {"commitment": last.commitment if last else None}


@operation
def parse_card(given: Input) -> Output:
    return {"card": kit.Card.parse(raw(given["card"])).data}


@operation
def parse_invitation(given: Input) -> Output:
    return {"invitation": invitation.Invitation.parse(raw(given["invitation"])).data}


@operation
def parse_event(given: Input) -> Output:
    return {"event": ledger.Event.parse(raw(given["event"])).bytes}


@operation
def invitation_key(given: Input) -> Output:
    password = invitation.Password.parse(given["fragment"], given["digits"])
    key = password.identity(given["custody"])
    return {"key": key, "identity": keys.age_identity(key)}


@operation
def fetch_token(given: Input) -> Output:
    password = invitation.Password(given["fragment"], "")
    token = password.fetch_token(given["custody"])
    return {"token": token, "hash": encoding.sha256(token)}


@operation
def open_invitation(given: Input) -> Output:
    password = invitation.Password.parse(given["fragment"], given["digits"])
    return {"invitation": invitation.open(raw(given["sealed"]), password, given["custody"]).data}


def seal_binding(given: Input) -> seal.Binding:
    names = ("deposit", "custody", "recovery", "session")
    fields = {name: given[name] for name in names}
    return seal.Binding(manifest_hash=raw(given["manifest_hash"]), **fields)


@operation
def seal_public_key(given: Input) -> Output:
    return {"public_key": seal.PrivateKey(raw(given["seed"])).public_key()}


@operation
def seal_info(given: Input) -> Output:
    return {"info": seal_binding(given).info(raw(given["public_key"]))}


@operation
def open_seal(given: Input) -> Output:
    key = seal.PrivateKey(raw(given["seed"]))
    return {"plaintext": seal.open(raw(given["sealed"]), key, seal_binding(given))}


@operation
def seal_to(given: Input) -> Output:
    plaintext, public_key = raw(given["plaintext"]), raw(given["public_key"])
    return {"sealed": seal.seal(plaintext, public_key, seal_binding(given))}


def wrap_binding(given: Input) -> wrap.Binding:
    return wrap.Binding(
        given["kind"],
        given["deposit"],
        given["custody"],
        raw(given["manifest_hash"]),
        raw(given["credential_id"]),
    )


@operation
def open_wrap(given: Input) -> Output:
    return {"plaintext": wrap_binding(given).unwrap(raw(given["blob"]), raw(given["prf"]))}


@operation
def share_qr(given: Input) -> Output:
    return {"text": qr.share_text(share.Payload.parse(raw(given["payload"])))}


@operation
def read_share_qr(given: Input) -> Output:
    return {"payload": qr.parse_share(given["text"]).data}


@operation
def check_qr(given: Input) -> Output:
    seed = raw(given["check_seed"])
    return {"text": qr.Check(given["deposit"], given["custody"], seed).text}


@operation
def read_check_qr(given: Input) -> Output:
    found = qr.Check.parse(given["text"])
    return {"deposit": found.deposit, "custody": found.custody, "check_seed": found.seed}


@operation
def checkpoint_qr(given: Input) -> Output:
    return {"text": qr.checkpoint_text(given["note"])}


@operation
def read_checkpoint_qr(given: Input) -> Output:
    return {"note": qr.parse_checkpoint(given["text"])}


@operation
def envelope_qr(given: Input) -> Output:
    return {"text": qr.envelope_text(raw(given["envelope"]))}


@operation
def read_envelope_qr(given: Input) -> Output:
    return {"envelope": qr.parse_envelope(given["text"])}


@operation
def invitation_qr(given: Input) -> Output:
    host = given["host"] if "://" in given["host"] else "https://" + given["host"]
    link = qr.InvitationLink(host, given["custody"], given["fragment"], given.get("digits"))
    return {"text": link.text}


@operation
def read_invitation(given: Input) -> Output:
    found = qr.InvitationLink.parse(given["text"])
    names = ("host", "custody", "fragment", "digits")
    return {name: getattr(found, name) for name in names}
