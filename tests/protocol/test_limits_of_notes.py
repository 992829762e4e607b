"""Notes, proofs, events, QR codes: the last value that is allowed, and the first that is not.

Found by `make mutants`: a limit that nobody stands on may move by one unnoticed.
"""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from escrow.protocol import ledger, move, note, qr
from escrow.protocol.encoding import sha256
from escrow.protocol.errors import Malformed
from tests.protocol.refusals import refused

SIGNER = note.Signer("ledger.test", Ed25519PrivateKey.from_private_bytes(bytes(32)))


def signed_by(count: int) -> str:
    return SIGNER.signature_line("text\n") * count


def test_a_note_has_at_most_a_hundred_signatures() -> None:
    text, signatures = note.split_note("text\n\n" + signed_by(100))
    assert (text, len(signatures)) == ("text\n", 100)
    refused("malformed_note", note.split_note, "text\n\n" + signed_by(101))
    refused("malformed_note", note.split_note, "text\n\n")


def test_a_note_has_at_most_a_million_characters() -> None:
    line = signed_by(1)
    filled = "x" * (1_000_000 - len(line) - 2)
    assert note.split_note(f"{filled}\n\n{line}")[0] == f"{filled}\n"
    refused("malformed_note", note.split_note, f"x{filled}\n\n{line}")


@pytest.mark.parametrize(
    ("character", "allowed"),
    [(" ", True), ("\x09", False), ("\x0b", False), ("\x1f", False), ("\x00", False), ("é", True)],
)
def test_a_note_is_text(character: str, allowed: bool) -> None:
    text = f"a{character}b\n"
    if allowed:
        assert note.verify(note.sign(text, [SIGNER]), [SIGNER.verifier]) == text
    else:
        refused("malformed_note", note.sign, text, [SIGNER])
        refused("malformed_note", note.split_note, f"{text}\n{signed_by(1)}")


def test_a_signature_line_has_a_key_and_at_least_a_byte_of_signature() -> None:
    def note_with(raw: bytes, start: str = "\u2014 name ") -> str:
        return f"text\n\n{start}{base64.b64encode(raw).decode()}\n"

    assert note.split_note(note_with(b"12345"))[1] == [("name", b"12345")]
    refused("malformed_note", note.split_note, note_with(b"1234"))
    refused("malformed_note", note.split_note, note_with(b"12345", "- name "))
    refused("malformed_note", note.split_note, note_with(b"12345", "\u2014 na+me "))
    refused("malformed_note", note.split_note, note_with(b"12345", "\u2014  "))


def test_a_verifier_counts_one_signature_of_several_and_refuses_a_wrong_one_first() -> None:
    other = note.Signer("other.test", SIGNER.key)
    signed = note.sign("text\n", [other, SIGNER, SIGNER])
    assert note.verify(signed, [SIGNER.verifier]) == "text\n"
    refused("unverified_note", note.verify, note.sign("text\n", [other]), [SIGNER.verifier])
    wrong = "text\n\n" + SIGNER.signature_line("other text\n")
    refused("wrong_signature", note.verify, wrong + signed_by(1), [SIGNER.verifier])


def test_a_second_signature_of_one_key_is_passed_over() -> None:
    wrong = SIGNER.signature_line("other text\n")
    assert note.verify("text\n\n" + signed_by(1) + wrong, [SIGNER.verifier]) == "text\n"


def test_signatures_alone_are_no_note() -> None:
    refused("malformed_note", note.split_note, signed_by(1))
    refused("malformed_note", note.split_note, "text\n" + signed_by(1))


def test_a_verifier_key_is_of_the_one_algorithm_that_is_known() -> None:
    verifier = SIGNER.verifier
    assert note.Verifier.parse(verifier.vkey) == verifier
    for raw in (b"\x02" + verifier.public_key, b"\x01" + verifier.public_key[1:], b"\x01"):
        other = f"{verifier.name}+{verifier.key_id.hex()}+{base64.b64encode(raw).decode()}"
        refused("malformed_vkey", note.Verifier.parse, other)


@pytest.mark.parametrize("length", [31, 33])
def test_a_root_or_sibling_of_another_length_is_refused(length: int) -> None:
    hashed = base64.b64encode(bytes(length)).decode()
    refused("malformed_note", note.Checkpoint.parse, f"origin\n1\n{hashed}\n")
    proof = f"c2sp.org/tlog-proof@v1\nindex 0\n{hashed}\n\ncheckpoint"
    refused("malformed_note", ledger.Proof.parse, proof)


@pytest.mark.parametrize(
    "text",
    [
        "\n1\n{}\n",
        "origin\n1\n{}\n\n",
        "origin\n1\n{}",
        "origin\n01\n{}\n",
        "origin\n{}\n",
        "o\n-1\n{}\n",
    ],
)
def test_a_checkpoint_has_an_origin_a_size_and_a_root(text: str) -> None:
    hashed = base64.b64encode(bytes(32)).decode()
    assert note.Checkpoint.parse(f"origin\n0\n{hashed}\n").size == 0
    refused("malformed_note", note.Checkpoint.parse, text.format(hashed))


def test_a_proof_has_at_most_63_siblings_and_may_carry_an_extra_line() -> None:
    siblings = tuple(bytes([i]) * 32 for i in range(64))
    longest = ledger.Proof(7, siblings[:63], "checkpoint")
    assert ledger.Proof.parse(longest.text) == longest
    with_extra = longest.text.replace("\nindex", "\nextra AAAA\nindex", 1)
    assert ledger.Proof.parse(with_extra) == longest
    refused("malformed_note", ledger.Proof.parse, ledger.Proof(7, siblings, "checkpoint").text)
    refused("malformed_note", ledger.Proof.parse, with_extra.replace("AAAA", "AAA"))
    for bad in ("", "c2sp.org/tlog-proof@v1", "c2sp.org/tlog-proof@v1\n\n", "x\nindex 7\n\nnote"):
        refused("malformed_note", ledger.Proof.parse, bad)


def test_an_event_has_at_most_4096_bytes_of_data() -> None:
    def event(old: int) -> ledger.Event:
        data = {"use": "ledger", "old": bytes(old), "new": bytes(2048)}
        return ledger.Event("0" * 32, "key changed", data)

    assert ledger.Event.parse(event(998).bytes) == event(998)
    with pytest.raises(Malformed) as caught:
        ledger.Event.parse(event(999).bytes)
    assert (caught.value.what, caught.value.field) == ("event", "data")


@pytest.mark.parametrize(
    ("kind", "subjects", "field", "reason"),
    [
        ("deposit active", {"account": "0" * 32}, "deposit", "missing"),
        ("deposit active", {"deposit": "0" * 32}, "account", "missing"),
        ("tick", {"account": "0" * 32}, "account", "not allowed here"),
        (
            "deposit active",
            {"account": "0" * 32, "deposit": "0" * 32, "custody": "0" * 32},
            "custody",
            "not allowed here",
        ),
    ],
)
def test_an_event_names_its_subjects_and_no_others(
    kind: str, subjects: dict[str, Any], field: str, reason: str
) -> None:
    with pytest.raises(Malformed) as caught:
        ledger.Event("0" * 32, kind, {}, **subjects).check()
    assert (caught.value.what, caught.value.field, caught.value.reason) == ("event", field, reason)


@pytest.mark.parametrize("raw", [b"{", b"[]", b"{}", b'{"type":"custody stolen"}'])
def test_what_is_no_event_is_called_so(raw: bytes) -> None:
    with pytest.raises(Malformed) as caught:
        ledger.Event.parse(raw)
    assert caught.value.what == "event"


def test_an_entry_is_of_the_one_move_whose_body_and_commitment_it_has() -> None:
    made = move.Move("Bert", "bert@example.org", bytes(16), bytes(32))
    entry = move.Moved("0" * 32, bytes(32), made.commitment(), sha256(made.data), 1, bytes(64))
    assert entry.is_of(made)
    assert not replace(entry, commitment=bytes(32)).is_of(made)
    assert not replace(entry, body_sha256=bytes(32)).is_of(made)


def test_an_envelope_has_a_code_up_to_1700_characters() -> None:
    longest = qr.envelope_text(bytes(1268))
    assert longest is not None
    assert len(longest) == 1700
    assert qr.parse_envelope(f" {longest}\n") == bytes(1268)
    assert qr.envelope_text(bytes(1269)) is None


@pytest.mark.parametrize("text", ["escrow1e:A", "escrow1e:A+", "escrow1s:AA", ""])
def test_a_code_that_cannot_be_read_says_why(text: str) -> None:
    with pytest.raises(Malformed) as caught:
        qr.parse_envelope(text)
    assert caught.value.what == "qr"
    assert caught.value.reason


@pytest.mark.parametrize(
    ("host", "allowed"),
    [
        ("https://" + "h" * 255, True),
        ("https://" + "h" * 256, False),
        ("https://", False),
        ("http://localhost", True),
        ("http://127.0.0.1:65535", True),
        ("http://[::1]:1", True),
        ("http://localhost:123456", False),
        ("http://example.org", False),
        ("ftp://localhost", False),
    ],
)
def test_the_hosts_of_an_invitations_link(host: str, allowed: bool) -> None:
    link = qr.InvitationLink(host, "0" * 32, "A" * 22, "1234567890123456")
    if allowed:
        assert qr.InvitationLink.parse(f" {link.text}\n") == link
        assert link.password().digits == "1234567890123456"
        assert link.password("6543 2109 8765 4321").digits == "6543210987654321"
    else:
        with pytest.raises(Malformed) as caught:
            qr.InvitationLink.parse(link.text)
        assert caught.value.what == "link"
