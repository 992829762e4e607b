"""Walk every file of our own vectors: one test for each case."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from escrow.protocol.errors import ProtocolError
from tests.protocol.operations import OPERATIONS, raw

FOLDER = Path(__file__).parent.parent / "vectors"
FILES = sorted(FOLDER.glob("*.json"))
# In Python these are one call with another name, or stand inside another operation.
SAME = {"invitation_link": "invitation_qr", "seal": "seal_to"}
# The bytes under a signature are no entry point of the library: `sign_…` of the same
# case covers them, since Ed25519 gives one signature for one message.
INSIDE = {
    "attestation_message",
    "call_nonce_message",
    "complete_message",
    "proof_message",
    "release_message",
    "replaced_message",
    "request_message",
    "wrap_key",
}


def load() -> list[tuple[str, dict[str, Any]]]:
    return [
        (path.stem, case)
        for path in FILES
        for case in json.loads(path.read_bytes())["cases"]
        if case["operation"] not in INSIDE
    ]


CASES = load()


def comparable(value: Any) -> Any:
    """Write an output as a vector file does."""
    if isinstance(value, bytes | bytearray):
        return bytes(value).hex()
    if isinstance(value, dict):
        return {key: comparable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [comparable(item) for item in value]
    return value


def expected(value: Any) -> Any:
    """Unfold runs of bytes in an expected output."""
    if isinstance(value, dict) and set(value) == {"runs"}:
        return raw(value).hex()
    if isinstance(value, dict):
        return {key: expected(item) for key, item in value.items()}
    return value


@pytest.mark.parametrize("case", [pytest.param(c, id=f"{f}: {c['name']}") for f, c in CASES])
def test_vector(case: dict[str, Any]) -> None:
    run = OPERATIONS[SAME.get(case["operation"], case["operation"])]
    if "error" not in case:
        output = run(case["input"])
        assert comparable({} if output is None else output) == expected(case["output"])
        return
    with pytest.raises(ProtocolError) as caught:
        run(case["input"])
    error = caught.value
    assert error.code == case["error"]
    if "field" in case:
        assert getattr(error, "field", None) == case["field"]
    for name, value in case.get("details", {}).items():
        assert comparable(getattr(error, name)) == value, name
    str(error).encode()  # fit for any log


def test_every_operation_has_a_case() -> None:
    walked = {SAME.get(case["operation"], case["operation"]) for _, case in CASES}
    assert set(OPERATIONS) == walked


def test_every_module_has_vectors() -> None:
    modules = {path.stem for path in (FOLDER.parent.parent / "escrow" / "protocol").glob("*.py")}
    # gf256 is arithmetic inside slip39; errors and the package itself have no format.
    assert modules - {"__init__", "errors", "gf256"} == {path.stem for path in FILES}
