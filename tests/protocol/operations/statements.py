"""What is signed: attestation, recovery statements, requests, approvals, the call."""

from __future__ import annotations

from typing import Any

from escrow.protocol import attestation, call, encoding, manifest, release, request
from tests.protocol.operations.registry import Input, Output, operation, private, raw


def attestation_of(given: Input) -> attestation.Attestation:
    return attestation.Attestation(
        given["deposit"],
        given["custody"],
        raw(given["manifest_hash"]),
        given["means"],
        raw(given["checkpoint_hash"]),
        given["time"],
    )


@operation
def sign_attestation(given: Input) -> Output:
    return {"signature": attestation.sign(attestation_of(given), private(given["seed"]))}


@operation
def verify_attestation(given: Input) -> None:
    found = manifest.Manifest.parse(raw(given["manifest"]))
    attestation.verify(attestation_of(given), raw(given["signature"]), found)


def hash_or_none(value: Any) -> bytes | None:
    return None if value is None else encoding.sha256(raw(value))


def proof_of(given: Input) -> release.Proof:
    return release.Proof(
        given["deposit"],
        given["custody"],
        given["recovery"],
        given["session"],
        hash_or_none(given["public_key"]),
        raw(given["checkpoint_hash"]),
    )


@operation
def sign_proof(given: Input) -> Output:
    return {"signature": release.sign_proof(proof_of(given), private(given["seed"]))}


@operation
def verify_proof(given: Input) -> None:
    release.verify_proof(proof_of(given), raw(given["signature"]), raw(given["key"]))


@operation
def shortest_wait(given: Input) -> Output:
    return {"seconds": release.shortest_wait(given["proof"], given["waiting_seconds"])}


@operation
def recovery_number(given: Input) -> Output:
    return {"digits": release.number(given["recovery"])}


def release_of(given: Input) -> release.Release:
    return release.Release(
        given["deposit"],
        given["custody"],
        given["recovery"],
        given["session"],
        raw(given["manifest_hash"]),
        encoding.sha256(raw(given["public_key"])),
        encoding.sha256(raw(given["sealed"])),
        given["time"],
    )


@operation
def sign_release(given: Input) -> Output:
    return {"signature": release.sign(release_of(given), private(given["seed"]))}


@operation
def verify_release(given: Input) -> None:
    release.verify(release_of(given), raw(given["signature"]), raw(given["key"]))


def completion(given: Input) -> tuple[str, str, bytes, int]:
    return given["deposit"], given["recovery"], raw(given["manifest_hash"]), given["time"]


@operation
def sign_complete(given: Input) -> Output:
    return {"signature": release.sign_complete(private(given["seed"]), *completion(given))}


@operation
def verify_complete(given: Input) -> None:
    release.verify_complete(raw(given["key"]), raw(given["signature"]), *completion(given))


@operation
def sign_replaced(given: Input) -> Output:
    statement = given["deposit"], raw(given["manifest_hash"])
    return {"signature": release.sign_replaced(private(given["seed"]), *statement)}


@operation
def verify_replaced(given: Input) -> None:
    statement = given["deposit"], raw(given["manifest_hash"])
    release.verify_replaced(raw(given["key"]), raw(given["signature"]), *statement)


def request_of(given: Input) -> request.Request:
    body = raw(given["body"])
    return request.Request(given["custody"], given["method"], given["path"], body, given["time"])


@operation
def sign_request(given: Input) -> Output:
    return {"signature": request.sign(request_of(given), private(given["seed"]))}


@operation
def verify_request(given: Input) -> None:
    request.verify(request_of(given), raw(given["signature"]), raw(given["key"]))


def approval_of(given: Input) -> request.Approval:
    digest = raw(given["body_sha256"])
    return request.Approval(given["operation"], given["target"], digest, given["expires"])


@operation
def approval_message(given: Input) -> Output:
    return {"message": approval_of(given).message()}


@operation
def approval_challenge(given: Input) -> Output:
    return {"challenge": approval_of(given).challenge()}


@operation
def sign_in_challenge(given: Input) -> Output:
    return {"challenge": request.sign_in_challenge(raw(given["asked"]))}


@operation
def sign_approval(given: Input) -> Output:
    return {"signature": request.sign_approval(approval_of(given), private(given["seed"]))}


@operation
def verify_approval(given: Input) -> None:
    approval = approval_of(given)
    request.verify_approval(approval, raw(given["signature"]), raw(given["key"]))


def call_of(given: Input) -> call.Call:
    names = ("deposit", "recovery", "session", "call", "custody")
    return call.Call(*(given[name] for name in names))


@operation
def call_commitment(given: Input) -> Output:
    revealed = raw(given["public_key"]), raw(given["random"])
    return {"commitment": call.commitment(call_of(given), *revealed)}


@operation
def check_reveal(given: Input) -> None:
    revealed = raw(given["public_key"]), raw(given["random"])
    call.check_reveal(call_of(given), raw(given["commitment"]), *revealed)


def nonce_statement(given: Input) -> tuple[str, str, bytes, bytes]:
    return given["call"], given["custody"], raw(given["commitment"]), raw(given["nonce"])


@operation
def sign_call_nonce(given: Input) -> Output:
    return {"signature": call.sign_nonce(private(given["seed"]), *nonce_statement(given))}


@operation
def verify_call_nonce(given: Input) -> None:
    call.verify_nonce(raw(given["key"]), raw(given["signature"]), *nonce_statement(given))


@operation
def call_code(given: Input) -> Output:
    names = ("commitment", "nonce", "public_key", "random")
    code = call.code(*(raw(given[name]) for name in names))
    return {"digits": code, "text": encoding.grouped(code)}
