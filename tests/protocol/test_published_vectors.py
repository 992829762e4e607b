"""Other people's vectors: SLIP-39, BIP-173, RFC 6962, signed notes, X-Wing, HPKE, HOTP and TOTP."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from pathlib import Path
from typing import Any

import pyotp
import pytest
from cryptography.hazmat.bindings._rust import openssl
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, MLKEM768X25519PrivateKey, Suite

from escrow.protocol import bech32, note, seal, slip39, tree
from escrow.protocol.errors import BadShare, NotOpened, ProtocolError

FOLDER = Path(__file__).parent.parent / "vectors" / "published"
SUITE = Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA256, AEAD.CHACHA20_POLY1305)


def load(path: str) -> Any:
    return json.loads((FOLDER / path).read_bytes())


# --- SLIP-0039 --------------------------------------------------------------------------------

SLIP39 = load("slip39/vectors.json")
# Which refusal each of the published failures is, by its title's words.
SLIP39_CODES = {
    "invalid checksum": {"wrong_checksum"},
    "invalid padding": {"wrong_padding"},
    "Basic sharing 2-of-3": {"missing_share"},
    "different identifiers": {"mixed_sets"},
    "different iteration exponents": {"mixed_headers"},
    "mismatching": {"mixed_headers"},
    "greater group threshold": {"wrong_header"},
    "duplicate member indices": {"duplicate_share"},
    "invalid digest": {"wrong_digest"},
    "Insufficient number of groups": {"missing_share"},
    "insufficient number of members": {"missing_share"},
    "insufficient length": {"wrong_word_count"},
    "invalid master secret length": {"wrong_word_count"},
}


def test_slip39_has_all_its_cases() -> None:
    assert len(SLIP39) == 45
    assert sum(bool(secret) for _, _, secret, _ in SLIP39) == 15


@pytest.mark.parametrize("case", SLIP39, ids=lambda case: case[0])
def test_slip39(case: list[Any]) -> None:
    title, mnemonics, secret, _ = case
    if secret:
        assert slip39.combine(mnemonics, b"TREZOR").hex() == secret
        return
    with pytest.raises(BadShare) as caught:
        slip39.combine(mnemonics, b"TREZOR")
    expected = [codes for words, codes in SLIP39_CODES.items() if words in title]
    assert expected, title
    assert caught.value.code in set.union(*expected)


def test_slip39_word_list() -> None:
    words = (FOLDER / "slip39/wordlist.txt").read_text("ascii").split()
    assert list(slip39.word_list()) == words


# --- BIP-0173 -----------------------------------------------------------------------------------

# Its test vectors, without those that are too long for Bitcoin alone: age knows no such limit.
BECH32 = [
    ("A12UEL5L", "a", ""),
    ("a12uel5l", "a", ""),
    (
        "an83characterlonghumanreadablepartthatcontainsthenumber1andtheexcludedcharactersbio1tt5tgs",
        "an83characterlonghumanreadablepartthatcontainsthenumber1andtheexcludedcharactersbio",
        "",
    ),
    (
        "abcdef1qpzry9x8gf2tvdw0s3jn54khce6mua7lmqqqxw",
        "abcdef",
        "00443214c74254b635cf84653a56d7c675be77df",
    ),
    ("11" + "q" * 82 + "c8247j", "1", "00" * 51),
    (
        "split1checkupstagehandshakeupstreamerranterredcaperred2y9e3w",
        "split",
        "c5f38b70305f519bf66d85fb6cf03058f3dde463ecd7918f2dc743918f2d",
    ),
    ("?1ezyfcl", "?", ""),
]
BAD_BECH32 = {
    "a character of the prefix below the range": " 1nwldj5",
    "a character of the prefix above the range": "\x7f1axkwrx",
    "a character of the prefix outside ASCII": "\x801eym55h",
    "no separator": "pzry9x0s0muk",
    "an empty prefix": "1pzry9x0s0muk",
    "a character outside the alphabet": "x1b4n0q5v",
    "too short a checksum": "li1dgmt3",
    "a character outside ASCII in the checksum": "de1lg7wt\xff",
    "a checksum over the prefix in upper case": "A1G7SGD8",
    "an empty prefix and a checksum": "10a06t8",
    "an empty prefix and a value": "1qzzfhee",
    "mixed case": "A12uEL5L",
}


@pytest.mark.parametrize(("text", "prefix", "data"), BECH32, ids=lambda value: str(value)[:20])
def test_bech32(text: str, prefix: str, data: str) -> None:
    assert bech32.decode(text) == (prefix, bytes.fromhex(data))
    assert bech32.encode(prefix, bytes.fromhex(data)) == text.lower()


@pytest.mark.parametrize("text", BAD_BECH32.values(), ids=BAD_BECH32.keys())
def test_bad_bech32(text: str) -> None:
    with pytest.raises(ProtocolError) as caught:
        bech32.decode(text)
    assert caught.value.code == "wrong_bech32"


def test_bech32_with_a_whole_group_that_belongs_to_no_byte() -> None:
    with pytest.raises(ProtocolError):
        bech32.decode("a1q3g6mn3")


def test_bech32_of_the_highest_character_of_a_prefix() -> None:
    assert bech32.decode(bech32.encode("!~", b"x")) == ("!~", b"x")


# --- RFC 6962 ---------------------------------------------------------------------------------

INCLUSION = sorted((FOLDER / "merkle/testdata/inclusion").rglob("*.json"))
CONSISTENCY = sorted((FOLDER / "merkle/testdata/consistency").rglob("*.json"))


def unpack(case: dict[str, Any], *names: str) -> list[bytes]:
    return [base64.b64decode(case[name] or "") for name in names]


def path_of(case: dict[str, Any]) -> list[bytes]:
    return [base64.b64decode(item) for item in case["proof"] or []]


def test_merkle_has_all_its_cases() -> None:
    assert (len(INCLUSION), len(CONSISTENCY)) == (98, 98)


@pytest.mark.parametrize("path", INCLUSION, ids=lambda p: f"{p.parent.name}/{p.stem}")
def test_inclusion(path: Path) -> None:
    case = json.loads(path.read_bytes())
    leaf, root = unpack(case, "leafHash", "root")
    place = case["leafIdx"], case["treeSize"]
    if not case["wantErr"]:
        tree.verify_inclusion(leaf, *place, path_of(case), root)
        return
    with pytest.raises(ProtocolError, match="does not hold") as caught:
        tree.verify_inclusion(leaf, *place, path_of(case), root)
    assert caught.value.code == "wrong_proof"


@pytest.mark.parametrize("path", CONSISTENCY, ids=lambda p: f"{p.parent.name}/{p.stem}")
def test_consistency(path: Path) -> None:
    case = json.loads(path.read_bytes())
    roots = unpack(case, "root1", "root2")
    sizes = case["size1"], case["size2"]
    if not case["wantErr"]:
        tree.verify_consistency(*sizes, path_of(case), *roots)
        return
    with pytest.raises(ProtocolError, match="does not hold") as caught:
        tree.verify_consistency(*sizes, path_of(case), *roots)
    assert caught.value.code == "wrong_proof"


# --- signed notes -----------------------------------------------------------------------------

NOTES = load("signed-note/signed-note.json")


def text_of(case: dict[str, Any]) -> str | None:
    """Give the note as text; None for bytes that are not UTF-8, which no `str` can be."""
    if "msg" in case:
        return str(case["msg"])
    try:
        return bytes.fromhex(case["msg_hex"]).decode()
    except UnicodeDecodeError:
        return None


@pytest.mark.parametrize("case", NOTES["vectors"], ids=lambda case: case["name"])
def test_signed_note(case: dict[str, Any]) -> None:
    verifiers = [note.Verifier.parse(vkey) for vkey in case["vkeys"]]
    signed = text_of(case)
    if signed is None:
        assert not case["accept"]
        return
    if case["accept"]:
        assert note.verify(signed, verifiers) == signed.rpartition("\n\n")[0] + "\n"
        for verifier in verifiers:
            held = verifier.name in case["verified_by"]
            assert held == can_verify(signed, verifier)
        return
    with pytest.raises(ProtocolError):
        note.verify(signed, verifiers)


def can_verify(signed: str, verifier: note.Verifier) -> bool:
    try:
        note.verify(signed, [verifier])
    except ProtocolError:
        return False
    return True


@pytest.mark.parametrize("vkey", NOTES["bad_vkeys"])
def test_bad_vkey(vkey: str) -> None:
    with pytest.raises(ProtocolError) as caught:
        note.Verifier.parse(vkey)
    assert caught.value.code == "malformed_vkey"


@pytest.mark.parametrize("vkey", sorted({v for case in NOTES["vectors"] for v in case["vkeys"]}))
def test_good_vkey_is_written_as_it_was_read(vkey: str) -> None:
    assert note.Verifier.parse(vkey).vkey == vkey


@pytest.mark.parametrize("body", NOTES["bad_checkpoint_bodies"])
def test_bad_checkpoint(body: str) -> None:
    with pytest.raises(ProtocolError) as caught:
        note.Checkpoint.parse(body)
    assert caught.value.code == "malformed_note"


def test_good_checkpoint() -> None:
    case = NOTES["good_checkpoint_body"]
    found = note.Checkpoint.parse(case["body"])
    assert found.size == case["size"]
    assert found.root == tree.leaf_hash(case["root_is_leaf_hash_of"].encode())
    assert found.text == case["body"]


# --- X-Wing and HPKE --------------------------------------------------------------------------

XWING = load("xwing/test-vectors.json")
HPKE = load("hpke/hpke-pq.json")[0]
XWING_LABEL = bytes.fromhex("5c2e2f2f5e5c")


def unhex(case: dict[str, Any], *names: str) -> list[bytes]:
    return [bytes.fromhex(case[name]) for name in names]


def shared_secret(key: seal.PrivateKey, enc: bytes) -> bytes:
    """Decapsulate with our expanded keys, as the X-Wing draft says."""
    lattice, curve = key.parts()
    share = enc[1088:]
    secret = curve.exchange(X25519PublicKey.from_public_bytes(share))
    mixed = lattice.decapsulate(enc[:1088]) + secret + share
    public = curve.public_key().public_bytes_raw()
    return hashlib.sha3_256(mixed + public + XWING_LABEL).digest()


@pytest.mark.parametrize("case", XWING, ids=lambda case: case["seed"][:8])
def test_xwing(case: dict[str, Any]) -> None:
    seed, public, enc, secret = unhex(case, "sk", "pk", "ct", "ss")
    key = seal.PrivateKey(seed)
    assert key.public_key() == public
    assert shared_secret(key, enc) == secret


def test_hpke_suite_is_ours() -> None:
    suite = HPKE["mode"], HPKE["kem_id"], HPKE["kdf_id"], HPKE["aead_id"]
    assert suite == (0, 0x647A, 1, 3)


def test_hpke_key() -> None:
    seed, public, enc, secret = unhex(HPKE, "skRm", "pkRm", "enc", "shared_secret")
    key = seal.PrivateKey(seed)
    assert key.public_key() == public
    assert shared_secret(key, enc) == secret


class VectorInfo(seal.Binding):
    """A binding that says the published `info`, whatever it is bound to."""

    def info(self, public_key: bytes) -> bytes:
        assert public_key.hex() == HPKE["pkRm"]
        return bytes.fromhex(HPKE["info"])


BINDING = VectorInfo("0" * 32, "0" * 32, bytes(32))


def test_hpke_opens_what_the_vector_s_key_encrypts() -> None:
    """With the published key and nonce, but no AAD: so our key schedule is the published one."""
    enc, key, nonce = unhex(HPKE, "enc", "key", "base_nonce")
    sealed = enc + ChaCha20Poly1305(key).encrypt(nonce, b"no AAD", b"")
    private = seal.PrivateKey(bytes.fromhex(HPKE["skRm"]))
    assert seal.open(sealed, private, BINDING) == b"no AAD"


def test_hpke_published_ciphertext() -> None:
    """Open the first published ciphertext with its AAD, by the library's test-only entry."""
    first = HPKE["encryptions"][0]
    enc, info, public_seed = unhex(HPKE, "enc", "info", "skRm")
    aad, ciphertext, plaintext = unhex(first, "aad", "ct", "pt")
    private = MLKEM768X25519PrivateKey(*seal.PrivateKey(public_seed).parts())
    opened = openssl.hpke._decrypt_with_aad(SUITE, enc + ciphertext, private, info, aad)
    # The vector's plaintext is itself written in hex.
    assert opened == plaintext
    with pytest.raises(NotOpened):
        seal.open(enc + ciphertext, seal.PrivateKey(public_seed), BINDING)


# --- one-time passwords -----------------------------------------------------------------------


def otp_cases(file: str) -> list[dict[str, str]]:
    blocks = re.split(r"\n\s*\n", (FOLDER / "otp" / file).read_text())
    found = [dict(re.findall(r"^(\w+) = (.*)$", block, re.MULTILINE)) for block in blocks]
    return [case for case in found if case]


HOTP, TOTP = otp_cases("rfc-4226.txt"), otp_cases("rfc-6238.txt")


def test_otp_has_all_its_cases() -> None:
    assert (len(HOTP), len(TOTP)) == (10, 18)


@pytest.mark.parametrize("case", HOTP, ids=lambda case: case["COUNT"])
def test_hotp(case: dict[str, str]) -> None:
    secret = base64.b32encode(case["SECRET"].encode()).decode()
    assert pyotp.HOTP(secret).at(int(case["COUNTER"])) == case["HOTP"]


@pytest.mark.parametrize("case", TOTP, ids=lambda case: f"{case['MODE']} at {case['TIME']}")
def test_totp(case: dict[str, str]) -> None:
    secret = base64.b32encode(case["SECRET"].encode()).decode()
    digest = getattr(hashlib, case["MODE"].lower())
    assert pyotp.TOTP(secret, digits=8, digest=digest).at(int(case["TIME"])) == case["TOTP"]
