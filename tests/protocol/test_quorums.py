"""Every quorum combines, nothing less does, and manifests know their shares."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import lru_cache
from itertools import combinations
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from escrow.protocol import attestation, envelope, gf256, keys, manifest, slip39
from escrow.protocol.errors import BadShare, BadSignature, Mismatch
from escrow.protocol.kit import Card, Kit, parse_piece
from escrow.protocol.share import Payload
from tests.protocol.operations import raw

SECRET = bytes(range(100, 132))
FOLDER = Path(__file__).parent.parent / "vectors"
SMALL = [(0, 0), (1, 1), (2, 2), (2, 3), (3, 3), (2, 4), (3, 4), (4, 4)]


@lru_cache
def shares_of(needed: int, count: int) -> tuple[slip39.Share, ...]:
    return slip39.split(SECRET, needed, count)


def is_minimal(chosen: tuple[slip39.Share, ...], needed: int) -> bool:
    """Tell whether these are exactly two whole groups: written apart from the code."""
    by_group: dict[int, int] = {}
    for share in chosen:
        by_group[share.group_index] = by_group.get(share.group_index, 0) + 1
    contacts = {1: needed} if max(share.group_count for share in chosen) == 3 else {}
    wanted = {0: 1, 1: 1, 2: 1} | contacts
    return len(by_group) == 2 and all(wanted[g] == n for g, n in by_group.items())


@pytest.mark.parametrize(("needed", "count"), SMALL)
def test_every_subset(needed: int, count: int) -> None:
    """Of all subsets of shares exactly the minimal quorums give the secret."""
    shares = shares_of(needed, count)
    found = 0
    for size in range(1, len(shares) + 1):
        for chosen in combinations(shares, size):
            if is_minimal(chosen, needed):
                assert slip39.combine_shares(chosen) == SECRET
                found += 1
                continue
            with pytest.raises(BadShare) as caught:
                slip39.combine_shares(chosen)
            assert caught.value.code in {"missing_share", "surplus_share"}
    several = len(list(combinations(range(count), needed))) if count else 0
    assert found == 1 + 2 * several


@given(st.integers(2, 16).flatmap(lambda m: st.tuples(st.integers(2, m), st.just(m))), st.randoms())
@settings(max_examples=40)
def test_any_quorum_of_any_policy(policy: tuple[int, int], chance: object) -> None:
    needed, count = policy
    shares = shares_of(needed, count)
    contacts = chance.sample(shares[1:-1], needed)  # type: ignore[attr-defined]
    for end in (shares[0], shares[-1]):
        assert slip39.combine_shares([*contacts, end]) == SECRET
        with pytest.raises(BadShare) as caught:
            slip39.combine_shares([end, *contacts[1:]])
        assert caught.value.code == "missing_share"
    assert slip39.combine_shares([shares[-1], shares[0]]) == SECRET
    encrypted = slip39.group_value(contacts)
    assert len(encrypted) == 32


@given(st.data())
@settings(max_examples=60)
def test_any_bit_of_a_value_is_noticed(data: st.DataObject) -> None:
    shares = list(shares_of(2, 3))
    quorum = [shares[0], shares[1], shares[3]]
    at = data.draw(st.integers(0, 2))
    value = bytearray(quorum[at].value)
    value[data.draw(st.integers(0, 31))] ^= 1 << data.draw(st.integers(0, 7))
    quorum[at] = replace(quorum[at], value=bytes(value))
    with pytest.raises(BadShare) as caught:
        slip39.combine_shares(quorum)
    assert caught.value.code == "wrong_digest"


def test_split_uses_the_randomness_it_is_given() -> None:
    asked: list[int] = []

    def zeroes(length: int) -> bytes:
        asked.append(length)
        return bytes(length)

    shares = slip39.split(SECRET, 3, 4, random_bytes=zeroes)
    assert [share.identifier for share in shares] == [0] * 6
    # Identifier; two of three groups: a digest's key; three of four contacts: a share and a key.
    assert asked == [2, 28, 32, 28]
    assert slip39.combine_shares([shares[0], *shares[2:5]]) == SECRET
    again = slip39.split(SECRET, 3, 4, random_bytes=zeroes)
    assert shares == again
    assert slip39.split(SECRET, 3, 4) != slip39.split(SECRET, 3, 4)


def test_identifier_has_fifteen_bits() -> None:
    shares = slip39.split(SECRET, 0, 0, random_bytes=lambda n: b"\xff" * n)
    assert shares[0].identifier == 0x7FFF


@given(st.integers(0, 255), st.integers(0, 255), st.integers(1, 255))
def test_field(a: int, b: int, c: int) -> None:
    """The field's laws, and multiplication by shifting one bit at a time."""
    slow, x = 0, a
    for bit in range(8):
        slow ^= x if b >> bit & 1 else 0
        x = x << 1 ^ (0x11B if x & 0x80 else 0)
    assert gf256.multiply(a, b) == slow == gf256.multiply(b, a)
    assert gf256.multiply(c, gf256.inverse(c)) == 1
    assert gf256.scale(bytes([a, b]), c) == bytes([gf256.multiply(a, c), gf256.multiply(b, c)])
    assert gf256.add(bytes([a, b]), bytes([b, b])) == bytes([a ^ b, 0])


# --- a whole deposit --------------------------------------------------------------------------


def deposit() -> tuple[Kit, list[slip39.Share]]:
    """The main deposit of the vectors: its kit and all of its shares."""
    kits = json.loads((FOLDER / "kit.json").read_bytes())["cases"]
    kit = Kit.parse(raw(next(c for c in kits if c["name"] == "kit: main")["input"]["kit"]))
    reads = json.loads((FOLDER / "slip39.json").read_bytes())["cases"]
    found = [c["output"]["words"] for c in reads if c["operation"] == "write_share"]
    return kit, [slip39.Share.parse(words) for words in found]


KIT, SHARES = deposit()


def test_a_whole_recovery_without_the_provider() -> None:
    """Kit and two contacts: combine, check all that can be checked, open."""
    recovery_key = slip39.combine([KIT.payload.words, SHARES[1].words(), SHARES[3].words()])
    KIT.manifest.check_recovered(recovery_key, KIT.envelope, KIT.manifest_signature)
    assert envelope.open(KIT.envelope, recovery_key).startswith(b"correct horse")
    for share, line in zip(SHARES, KIT.manifest.custodies, strict=True):
        KIT.manifest.check_share(share, line.custody)
        assert (
            manifest.Custody.of_share(
                share, KIT.manifest.deposit, line.custody, line.role, line.contact_commitment
            )
            == line
        )


def test_what_combining_refuses() -> None:
    recovery_key = slip39.combine([SHARES[0].words(), SHARES[-1].words()])
    check = KIT.manifest.check_recovered
    with pytest.raises(Mismatch) as caught:
        check(bytes(32), KIT.envelope, KIT.manifest_signature)
    assert caught.value.code == "wrong_owner_key"
    with pytest.raises(Mismatch) as caught:
        check(recovery_key, KIT.envelope + b"x", KIT.manifest_signature)
    assert caught.value.code == "wrong_envelope"
    with pytest.raises(BadSignature):
        check(recovery_key, KIT.envelope, bytes(64))


@pytest.mark.parametrize(
    "change",
    [
        {"identifier": 1},
        {"extendable": False},
        {"iteration_exponent": 1},
        {"group_index": 2},
        {"group_threshold": 3},
        {"group_count": 4},
        {"member_index": 5},
        {"member_threshold": 3},
        {"value": bytes(32)},
        {"value": bytes(16)},
    ],
    ids=lambda change: next(iter(change)),
)
@pytest.mark.parametrize("place", [0, 1, 4], ids=["customer", "contact", "provider"])
def test_a_share_that_is_not_the_manifest_s(change: dict[str, object], place: int) -> None:
    line = KIT.manifest.custodies[place]
    if change == {"group_index": 2} and place == 4:
        change = {"group_index": 0}
    share = replace(SHARES[place], **change)  # type: ignore[arg-type]
    with pytest.raises(Mismatch) as caught:
        KIT.manifest.check_share(share, line.custody)
    assert caught.value.code == "wrong_share"


def test_a_share_in_another_custody() -> None:
    with pytest.raises(Mismatch) as caught:
        KIT.manifest.check_share(SHARES[1], KIT.manifest.custodies[2].custody)
    assert caught.value.code == "wrong_share"
    with pytest.raises(Mismatch) as caught:
        KIT.manifest.check_share(SHARES[1], "0" * 32)
    assert caught.value.code == "wrong_custody"


def test_pieces() -> None:
    cases = json.loads((FOLDER / "kit.json").read_bytes())["cases"]
    card = raw(next(c for c in cases if c["name"] == "card: with a checkpoint")["input"]["card"])
    assert isinstance(parse_piece(card), Card)
    assert parse_piece(KIT.data) == KIT
    for junk in (b"{}", b"[]", b"null", b'{"format":"escrow/v1/share"}', b'{"format":null}'):
        with pytest.raises(ValueError, match="malformed kit") as caught:
            parse_piece(junk)
        assert caught.value.field == "format"  # type: ignore[attr-defined]


def test_a_check_attestation_does_not_pass_as_one_by_share() -> None:
    """The check code proves that the paper is there, never that the share was read."""
    line = KIT.manifest.custodies[0]
    seed = keys.check_seed(SHARES[0].value, KIT.manifest.deposit, line.custody)
    key = keys.attest_key(seed, KIT.manifest.deposit, line.custody)
    for means, accepted in (("check", True), ("share", False)):
        statement = attestation.Attestation(
            KIT.manifest.deposit, line.custody, KIT.manifest.hash, means, bytes(32), 5
        )
        signature = attestation.sign(statement, key)
        if accepted:
            attestation.verify(statement, signature, KIT.manifest)
            continue
        with pytest.raises(BadSignature):
            attestation.verify(statement, signature, KIT.manifest)


def test_secrets_do_not_show() -> None:
    words = KIT.payload.words
    for shown in (repr(KIT), repr(KIT.payload), repr(KIT.payload.share()), str(KIT)):
        assert words not in shown
        assert words.split()[10] + " " + words.split()[11] not in shown
        assert SHARES[0].value.hex() not in shown
        assert repr(SHARES[0].value) not in shown


def test_payload_of_any_custody() -> None:
    for share, line in zip(SHARES, KIT.manifest.custodies, strict=True):
        payload = Payload(
            KIT.manifest.deposit, line.custody, line.role, share.words(), KIT.manifest.hash
        )
        assert Payload.parse(payload.data).check_with(KIT.manifest) == share
