"""SLIP-0039: a 256-bit recovery key in shares of 33 words, two groups needed.

Header (40 bits): identifier 15, extendable 1, iteration exponent 4, group index 4, group
threshold−1 4, group count−1 4, member index 4, member threshold−1 4. Then the share value, padded
with zero bits on the left to a multiple of 10 bits, then a checksum of 30 bits (RS1024 over
GF(1024), customised by "shamir_extendable" or "shamir"). Every 10 bits are one of 1024 words.

The recovery key is first encrypted by a four-round Feistel network with PBKDF2-HMAC-SHA256 as the
round function (2500 · 2^exponent iterations a round; empty passphrase here), then split at two
levels by Shamir's scheme over GF(2^8). x = 255 holds the secret and x = 254 a digest of it, whose
four bytes cost 32 of the 256 bits of perfect secrecy.

Source: SLIP-0039; PROTOCOL.md section 3.
"""

import hashlib
import hmac
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.resources import files

from escrow.protocol import gf256
from escrow.protocol.errors import BadShare

RECOVERY_KEY_LENGTH_BYTES = 32
SHARE_LENGTH_WORDS = 33
GROUPS_NEEDED = 2
MAX_CONTACTS = 16
CUSTOMER_GROUP = 0

_MIN_WORDS = 20
_HEADER_WORDS = 4
_CHECKSUM_WORDS = 3
_DIGEST_LENGTH_BYTES = 4
_SECRET_X = 255
_DIGEST_X = 254
_ITERATIONS_A_ROUND = 2500
_REDUCTION = 0b1001  # of GF(1024): x^10 = x^3 + 1
_GENERATOR = (
    0xE0E040,
    0x1C1C080,
    0x3838100,
    0x7070200,
    0xE0E0009,
    0x1C0C2412,
    0x38086C24,
    0x3090FC48,
    0x21B1F890,
    0x3F3F120,
)

RandomBytes = Callable[[int], bytes]


@lru_cache(maxsize=1)
def word_list() -> tuple[str, ...]:
    """Return the 1024 words of the standard, in order."""
    return tuple(files("escrow.protocol").joinpath("slip39_words.txt").read_text("ascii").split())


@lru_cache(maxsize=1)
def _word_numbers() -> dict[str, int]:
    return {word: number for number, word in enumerate(word_list())}


@dataclass(frozen=True)
class Share:
    """One share: its header in clear and its value, which never shows in a `repr`.

    `value` has 32 bytes for shares made here; others' shares may have 16 or more, an even number.
    """

    identifier: int
    extendable: bool
    iteration_exponent: int
    group_index: int
    group_threshold: int
    group_count: int
    member_index: int
    member_threshold: int
    value: bytes = field(repr=False)

    @property
    def set_header(self) -> tuple[int | bool, ...]:
        """What all shares of one set have in common."""
        return (
            self.identifier,
            self.extendable,
            self.iteration_exponent,
            self.group_threshold,
            self.group_count,
            len(self.value),
        )

    def words(self) -> str:
        """Write the share as words with one space between (33 of them for a 32-byte value)."""
        header = self.identifier
        for value, bits in (
            (int(self.extendable), 1),
            (self.iteration_exponent, 4),
            (self.group_index, 4),
            (self.group_threshold - 1, 4),
            (self.group_count - 1, 4),
            (self.member_index, 4),
            (self.member_threshold - 1, 4),
        ):
            header = header << bits | value
        value_words = (8 * len(self.value) + 9) // 10
        data = _to_indexes(header, _HEADER_WORDS)
        data += _to_indexes(int.from_bytes(self.value, "big"), value_words)
        checksum = _remainder([*data, 0, 0, 0], extendable=self.extendable) ^ 1
        return " ".join(word_list()[i] for i in data + _to_indexes(checksum, _CHECKSUM_WORDS))

    @classmethod
    def parse(cls, words: str, number: int = 1) -> "Share":
        """Read a share from its words, in any case and with any white space between.

        `number` names the share in errors. Raises BadShare: wrong_word_count, unknown_word,
        wrong_checksum, wrong_padding or wrong_header.
        """
        indexes = _indexes_of(words, number)
        extendable = bool(indexes[1] >> 4 & 1)
        if _remainder(indexes, extendable=extendable) != 1:
            raise _checksum_error(indexes, number)
        header = _from_indexes(indexes[:_HEADER_WORDS])
        parts = [header >> shift & 15 for shift in (20, 16, 12, 8, 4, 0)]
        share = cls(
            identifier=header >> 25,
            extendable=extendable,
            iteration_exponent=parts[0],
            group_index=parts[1],
            group_threshold=parts[2] + 1,
            group_count=parts[3] + 1,
            member_index=parts[4],
            member_threshold=parts[5] + 1,
            value=_value_of(indexes[_HEADER_WORDS:-_CHECKSUM_WORDS], number),
        )
        if share.group_threshold > share.group_count:
            raise BadShare(
                f"Share {number} asks for more groups than there are.",
                code="wrong_header",
                share=number,
            )
        return share


def split(
    recovery_key: bytes,
    contacts_needed: int,
    contacts_count: int,
    *,
    random_bytes: RandomBytes = secrets.token_bytes,
) -> tuple[Share, ...]:
    """Split a 32-byte recovery key into groups of which two are needed.

    Returns the customer's share, then the contacts' in member order, then the provider's: groups 0,
    1 and 2, or 0 and 1 when there are no contacts. The policy is 0 of 0, 1 of 1, or
    2 ≤ needed ≤ count ≤ 16. Raises BadShare: wrong_length or wrong_policy.
    """
    if len(recovery_key) != RECOVERY_KEY_LENGTH_BYTES:
        raise BadShare("A recovery key has 32 bytes.", code="wrong_length")
    if not is_policy(contacts_needed, contacts_count):
        raise BadShare(
            "One contact of one, or at least two of up to sixteen, or none at all.",
            code="wrong_policy",
        )
    identifier = int.from_bytes(random_bytes(2), "big") & 0x7FFF
    encrypted = _feistel(recovery_key, range(4), b"", 0, identifier, extendable=True)
    members = [(1, 1)] + [(contacts_needed, contacts_count)] * bool(contacts_count) + [(1, 1)]
    values = _split_value(encrypted, GROUPS_NEEDED, len(members), random_bytes)
    return tuple(
        Share(identifier, True, 0, group, GROUPS_NEEDED, len(members), member, needed, value)
        for group, (needed, count) in enumerate(members)
        for member, value in enumerate(_split_value(values[group], needed, count, random_bytes))
    )


def is_policy(contacts_needed: int, contacts_count: int) -> bool:
    """Tell whether `needed` of `count` contacts is a policy that the protocol allows."""
    few = (contacts_needed, contacts_count) in {(0, 0), (1, 1)}
    return few or 2 <= contacts_needed <= contacts_count <= MAX_CONTACTS


def combine(words: Sequence[str], passphrase: bytes = b"") -> bytes:
    """Combine the words of exactly the needed shares into the recovery key.

    Raises BadShare, which names the share at fault: what `Share.parse` raises, or mixed_sets,
    mixed_headers, duplicate_share, surplus_share, missing_share, wrong_digest.
    """
    return combine_shares([Share.parse(text, i) for i, text in enumerate(words, 1)], passphrase)


def combine_shares(shares: Sequence[Share], passphrase: bytes = b"") -> bytes:
    """Combine parsed shares; see `combine`."""
    if not shares:
        raise BadShare("No share was given.", code="missing_share")
    groups = _groups_of(shares)
    first = shares[0]
    complete = {}
    for index, members in groups.items():
        needed = next(iter(members.values()))[1].member_threshold
        if len(members) < needed:
            continue
        _refuse_surplus(members, needed)
        points = {x: share.value for x, (_, share) in members.items()}
        complete[index] = (min(number for number, _ in members.values()), points)
    _refuse_incomplete(groups, complete, first)
    values = {index: _recover_value(points) for index, (_, points) in complete.items()}
    encrypted = _recover_value(values)
    return _feistel(
        encrypted,
        range(3, -1, -1),
        passphrase,
        first.iteration_exponent,
        first.identifier,
        extendable=first.extendable,
    )


def group_value(shares: Sequence[Share]) -> bytes:
    """Return the value of one group from exactly its needed members' shares."""
    return _recover_value({share.member_index: share.value for share in shares})


_Members = dict[int, tuple[int, Share]]


def _groups_of(shares: Sequence[Share]) -> dict[int, _Members]:
    """Sort shares by group and member; raises BadShare for any that does not fit the first."""
    groups: dict[int, _Members] = {}
    first = shares[0]
    for number, share in enumerate(shares, 1):
        if share.identifier != first.identifier:
            raise BadShare(
                f"Share {number} belongs to another set than share 1.",
                code="mixed_sets",
                share=number,
            )
        members = groups.setdefault(share.group_index, {})
        sibling = next((other for _, other in members.values()), share)
        if (
            share.set_header != first.set_header
            or share.member_threshold != sibling.member_threshold
        ):
            raise BadShare(
                f"Share {number} was not made together with the others.",
                code="mixed_headers",
                share=number,
            )
        if share.member_index in members:
            earlier = members[share.member_index][0]
            raise BadShare(
                f"Share {number} is the same piece as share {earlier}.",
                code="duplicate_share",
                share=number,
            )
        members[share.member_index] = (number, share)
    return groups


def _refuse_surplus(members: _Members, needed: int) -> None:
    if len(members) > needed:
        number = sorted(number for number, _ in members.values())[needed]
        raise BadShare(
            f"Share {number} is one too many: leave it out.", code="surplus_share", share=number
        )


def _refuse_incomplete(
    groups: dict[int, _Members],
    complete: dict[int, tuple[int, dict[int, bytes]]],
    first: Share,
) -> None:
    """Refuse unless exactly the needed groups are complete and no other has any share."""
    if len(complete) < first.group_threshold:
        raise BadShare(
            "More shares are needed: not enough pieces were given.", code="missing_share"
        )
    if len(groups) > first.group_threshold:
        partial = [
            number
            for index, members in groups.items()
            if index not in complete
            for number, _ in members.values()
        ]
        surplus = min(partial) if partial else max(number for number, _ in complete.values())
        raise BadShare(
            f"Share {surplus} is one too many: leave it out.", code="surplus_share", share=surplus
        )


def _split_value(
    value: bytes, needed: int, count: int, random_bytes: RandomBytes
) -> tuple[bytes, ...]:
    if needed == 1:
        return (value,) * count
    points = {x: random_bytes(len(value)) for x in range(needed - 2)}
    tail = random_bytes(len(value) - _DIGEST_LENGTH_BYTES)
    points[_DIGEST_X] = _digest(tail, value) + tail
    points[_SECRET_X] = value
    made = tuple(points[x] for x in range(needed - 2))
    return made + tuple(gf256.interpolate(points, x) for x in range(needed - 2, count))


def _recover_value(points: dict[int, bytes]) -> bytes:
    if len(points) == 1:
        return next(iter(points.values()))
    value = gf256.interpolate(points, _SECRET_X)
    digest = gf256.interpolate(points, _DIGEST_X)
    expected = _digest(digest[_DIGEST_LENGTH_BYTES:], value)
    if not hmac.compare_digest(digest[:_DIGEST_LENGTH_BYTES], expected):
        raise BadShare(
            "These shares do not fit together: one of them is not genuine.", code="wrong_digest"
        )
    return value


def _digest(key: bytes, value: bytes) -> bytes:
    return hmac.digest(key, value, "sha256")[:_DIGEST_LENGTH_BYTES]


def _feistel(
    data: bytes,
    rounds: range,
    passphrase: bytes,
    exponent: int,
    identifier: int,
    *,
    extendable: bool,
) -> bytes:
    """Run the standard's Feistel network: rounds 0 … 3 encrypt, 3 … 0 decrypt."""
    half = len(data) // 2
    left, right = data[:half], data[half:]
    salt = b"" if extendable else b"shamir" + identifier.to_bytes(2, "big")
    iterations = _ITERATIONS_A_ROUND << exponent
    for step in rounds:
        password = bytes([step]) + passphrase
        mask = hashlib.pbkdf2_hmac("sha256", password, salt + right, iterations, half)
        left, right = right, gf256.add(left, mask)
    return right + left


def _customisation(extendable: bool) -> bytes:
    return b"shamir_extendable" if extendable else b"shamir"


def _remainder(words: Sequence[int], *, extendable: bool) -> int:
    """Return the 30-bit remainder of RS1024 over words, behind the customisation; 1 is valid.

    It is what `_polymod` gives, one word after the other. As it is linear over GF(1024), every word
    is multiplied by three constants of its position and all products are added: side by side in one
    integer, three copies of each word in a lane of 30 bits, as `gf256.scale` does it with bytes.
    """
    start, ones, masks, folds = _public_part(len(words), extendable)
    low_bits = ones * 0x1FF
    doubled = 0
    for word in words:
        doubled = doubled << 30 | word
    doubled *= 0x100401
    total = 0
    for mask in masks:
        total ^= doubled & mask
        doubled = ((doubled & low_bits) << 1) ^ ((doubled >> 9 & ones) * _REDUCTION)
    for shift in folds:
        total ^= total >> shift
    return start ^ total & 0x3FFFFFFF


@lru_cache(maxsize=16)
def _public_part(count: int, extendable: bool) -> tuple[int, int, tuple[int, ...], tuple[int, ...]]:
    """Return what depends on the number of words alone, and on no word.

    The remainder of as many zeros; a one in each third of each lane; for each bit of the positions'
    constants the thirds where it is set; the shifts that add all lanes to the lowest.
    """
    start = _polymod([*_customisation(extendable), *[0] * count])
    constants, constant = 0, 1
    for position in range(count):
        constants |= constant << 30 * position
        constant = _step(constant)
    ones = sum(0x100401 << 30 * position for position in range(count))
    masks = tuple((constants >> bit & ones) * 0x3FF for bit in range(10))
    folds = tuple(30 << k for k in range((count - 1).bit_length() - 1, -1, -1))
    return start, ones, masks, folds


def _polymod(values: Sequence[int]) -> int:
    checksum = 1
    for value in values:
        checksum = _step(checksum) ^ value
    return checksum


def _step(checksum: int) -> int:
    top = checksum >> 20
    checksum = (checksum & 0xFFFFF) << 10
    for bit, term in enumerate(_GENERATOR):
        checksum ^= term * (top >> bit & 1)
    return checksum


def _to_indexes(number: int, count: int) -> list[int]:
    return [number >> 10 * i & 1023 for i in range(count - 1, -1, -1)]


def _from_indexes(indexes: Sequence[int]) -> int:
    number = 0
    for index in indexes:
        number = number << 10 | index
    return number


def _padding_bits(value_words: int) -> int:
    return 10 * value_words % 16


def _value_of(indexes: Sequence[int], number: int) -> bytes:
    value = _from_indexes(indexes)
    length = (10 * len(indexes) - _padding_bits(len(indexes))) // 8
    if value >> 8 * length:
        raise BadShare(f"Share {number} has a wrong padding.", code="wrong_padding", share=number)
    return value.to_bytes(length, "big")


def _indexes_of(words: str, number: int) -> list[int]:
    """Look up the words; raises BadShare with proposals for the first one not in the list."""
    found = []
    numbers = _word_numbers()
    spoken = words.lower().split()
    for position, word in enumerate(spoken, 1):
        if word not in numbers:
            proposals = propose(word)
            hint = f" Did you mean {' or '.join(proposals)}?" if proposals else ""
            raise BadShare(
                f"Word {position} of share {number} is not in the word list.{hint}",
                code="unknown_word",
                share=number,
                word=position,
                proposals=proposals,
            )
        found.append(numbers[word])
    value_words = len(found) - _HEADER_WORDS - _CHECKSUM_WORDS
    if len(found) < _MIN_WORDS or _padding_bits(value_words) > 8:
        raise BadShare(
            f"Share {number} has {len(found)} words; {SHARE_LENGTH_WORDS} are needed.",
            code="wrong_word_count",
            share=number,
        )
    return found


def propose(word: str) -> tuple[str, ...]:
    """Propose words of the list for a mistyped one: the same four first letters, or one edit away.

    Four letters name a word uniquely, so at most one word comes from the first rule.
    """
    beginning = word[:4].lower()
    same_start = tuple(listed for listed in word_list() if listed[:4] == beginning)
    if same_start:
        return same_start
    return tuple(listed for listed in word_list() if _one_edit_apart(word.lower(), listed))[:5]


def _one_edit_apart(a: str, b: str) -> bool:
    if abs(len(a) - len(b)) > 1:
        return False
    if len(a) > len(b):
        a, b = b, a
    start = next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), len(a))
    if len(a) < len(b):
        return a[start:] == b[start + 1 :]
    swapped = a[start : start + 2] == b[start : start + 2][::-1]
    return a[start + 1 :] == b[start + 1 :] or (swapped and a[start + 2 :] == b[start + 2 :])


def _checksum_error(indexes: Sequence[int], number: int) -> BadShare:
    """Explain a wrong checksum by one wrong word or two swapped neighbours, if that is enough.

    The position is named, never the right word: a correction that merely fits the checksum could
    be another share.
    """
    for i in range(len(indexes) - 1):
        swapped = [*indexes[:i], indexes[i + 1], indexes[i], *indexes[i + 2 :]]
        if swapped != list(indexes) and _is_valid(swapped):
            return BadShare(
                f"Words {i + 1} and {i + 2} of share {number} stand in the wrong order.",
                code="wrong_checksum",
                share=number,
                word=i + 1,
                swapped_with=i + 2,
            )
    word = _wrong_word(indexes)
    if word is None:
        message = f"More than one word of share {number} is wrong: compare it with the paper."
    else:
        message = f"Word {word} of share {number} is wrong: compare it with the paper."
    return BadShare(message, code="wrong_checksum", share=number, word=word)


def _is_valid(indexes: Sequence[int]) -> bool:
    return _remainder(indexes, extendable=bool(indexes[1] >> 4 & 1)) == 1


def _wrong_word(indexes: Sequence[int]) -> int | None:
    """Return the position, from 1, of the one wrong word that explains the checksum, if any does.

    The checksum is linear: an error e in a word adds e · x^k, so the remainder tells the place.
    Only the extendable customisation is tried, as all shares of this service carry it.
    """
    remainder = _remainder(indexes, extendable=True) ^ 1
    errors = list(range(1, 1024))
    for position in range(len(indexes), 0, -1):
        if remainder in errors:
            return position
        errors = [_step(error) for error in errors]
    return None
