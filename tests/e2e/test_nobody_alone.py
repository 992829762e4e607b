"""Nobody alone can open an envelope: not the provider with all it has, no contact, no kit.

`Insider` takes whatever it is given, opens what can be opened with the keys it has, reads words and
32-byte values out of everything, in every form in which they occur, and tries every subset of
shares and every value, with our code, with `shamir-mnemonic` and with Debian's `age`. The last
tests give it one share more, hidden in a log, and the envelope opens: so it tries hard enough.
"""

from __future__ import annotations

import base64
import contextlib
import itertools
import json
import re
import subprocess
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import shamir_mnemonic
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from sqlalchemy import inspect, make_url, select

from escrow.custodian.keys import CustodianKeys
from escrow.db import Base
from escrow.protocol import gf256, invitation, keys, seal, slip39
from escrow.protocol.errors import NotOpened, ProtocolError
from escrow.protocol.manifest import Manifest
from escrow.protocol.slip39 import Share
from tests.e2e.databases import Server
from tests.e2e.stories import SECRET, Story, custodian_keys
from tests.support import canary

_LISTED = frozenset(slip39.word_list())
_WORD = re.compile(rb"[A-Za-z]+")
_TOKEN = re.compile(rb"[A-Za-z0-9+/_-]{22,}={0,2}")
_HEX = re.compile(rb"[0-9A-Fa-f]{32,}")
_FRAGMENT = re.compile(rb"(?<![A-Za-z0-9_-])[A-Za-z0-9_-]{22}(?![A-Za-z0-9_-])")
_DIGITS = re.compile(rb"(?<!\d)(?:\d{4}[ -]?){4}(?!\d)")
_DEPTH = 4
_MOST_GUESSES = 200  # of invitation passwords: each costs a fifth of a second


@dataclass
class Insider:
    """Somebody with material and, perhaps, the provider's keys."""

    manifest: Manifest
    envelope: bytes
    keys: CustodianKeys | None = None
    shares: dict[str, Share] = field(default_factory=dict)
    values: set[bytes] = field(default_factory=set)
    _known: set[bytes] = field(default_factory=set)

    def take(self, places: Iterable[tuple[str, bytes]]) -> Insider:
        """Read everything out of what there is."""
        for _, data in places:
            self._read(data, _DEPTH)
        return self

    def _read(self, data: bytes, depth: int) -> None:
        if not depth or len(data) < 16 or data in self._known:
            return
        self._known.add(data)
        self._read_words(data)
        if len(data) <= 256:
            self.values |= {data[at : at + 32] for at in range(len(data) - 31)}
        for inner in (*_decoded(data), *self._unsealed(data)):
            self._read(inner, depth - 1)

    def _read_words(self, data: bytes) -> None:
        """Find 33 words of the standard in a row, whatever stands between them."""
        plain = data.replace(b"\0", b"")
        found = [word.decode().lower() for word in _WORD.findall(plain)]
        row: list[str] = []
        for word in [*found, ""]:
            if word in _LISTED:
                row.append(word)
            elif len(word) > 3 or not word:  # numbers, tags and escapes between words are short
                self._try_row(row)
                row = []

    def _try_row(self, row: list[str]) -> None:
        for at in range(len(row) - slip39.SHARE_LENGTH_WORDS + 1):
            words = " ".join(row[at : at + slip39.SHARE_LENGTH_WORDS])
            try:
                share = Share.parse(words)
            except ProtocolError:
                continue
            self.shares[words] = share
            self.values.add(share.value)

    def _unsealed(self, data: bytes) -> Iterator[bytes]:
        """Open what is sealed to the provider, whichever custody it names."""
        if self.keys is None or not 1120 < len(data) < 4096:
            return
        for line in self.manifest.custodies:
            binding = seal.Binding(self.manifest.deposit, line.custody, self.manifest.hash)
            for key in self.keys.sealing:
                try:
                    yield seal.open(data, key, binding)
                except ProtocolError:
                    continue

    def guess_invitations(self, places: Iterable[tuple[str, bytes]]) -> int:
        """Try every fragment with every 16 digits on every invitation; returns how many."""
        content = b"\n".join(data for _, data in places)
        fragments = {found.decode() for found in _FRAGMENT.findall(content)}
        numbers = {re.sub(rb"\D", b"", found).decode() for found in _DIGITS.findall(content)}
        sealed = {data for data in self._known if data.startswith(b"age-encryption.org/v1\n")}
        guesses = itertools.product(fragments, numbers, self.manifest.of_role("contact"))
        tried = 0
        for fragment, digits, line in itertools.islice(guesses, _MOST_GUESSES):
            password = invitation.Password(fragment, digits)
            identity = password.identity(line.custody)
            tried += 1
            for file in sealed:
                with contextlib.suppress(NotOpened):  # what was cut off somewhere
                    if _opens(file, identity):
                        found = invitation.open(file, password, line.custody)
                        self._try_row(found.payload.words.split())
        return tried

    def keys_of_subsets(self) -> Iterator[bytes]:
        """Combine every subset of the shares, by the book, by others, and against the book."""
        words = list(self.shares)
        for size in range(1, len(words) + 1):
            for subset in itertools.combinations(words, size):
                with contextlib.suppress(ProtocolError):
                    yield slip39.combine(subset)
                with contextlib.suppress(shamir_mnemonic.MnemonicError):
                    yield shamir_mnemonic.combine_mnemonics(list(subset))
        for one, other in itertools.combinations(self.shares.values(), 2):
            yield bytes(a ^ b for a, b in zip(one.value, other.value, strict=True))
            for x, y in itertools.permutations(range(3), 2):  # whatever the headers say
                value = _line_through(x, one.value, y, other.value)
                yield value
                yield slip39._feistel(
                    value, range(3, -1, -1), b"", 0, one.identifier, extendable=True
                )

    def opened(self, tmp_path: Path) -> bytes | None:
        """Try all that was found on the envelope; returns the secret or None."""
        for key in itertools.chain(self.keys_of_subsets(), self.values):
            if _opens(self.envelope, key):
                return _age(self.envelope, key, tmp_path)
        return None

    def groups(self) -> set[int]:
        """Return of which groups of this deposit shares were found."""
        found = set()
        for share in self.shares.values():
            for line in self.manifest.custodies:
                try:
                    self.manifest.check_share(share, line.custody)
                    found.add(share.group_index)
                except ProtocolError:
                    continue
        return found


def _line_through(x: int, one: bytes, y: int, other: bytes) -> bytes:
    """Return the value at 255 of the line through two points over GF(256)."""
    left = gf256.multiply(255 ^ y, gf256.inverse(x ^ y))
    right = gf256.multiply(255 ^ x, gf256.inverse(x ^ y))
    return bytes(
        gf256.multiply(left, a) ^ gf256.multiply(right, b) for a, b in zip(one, other, strict=True)
    )


def _decoded(data: bytes) -> Iterator[bytes]:
    """Decode whatever looks encoded: base64 of both kinds, hexadecimal, strings in JSON."""
    for token in {match[0] for match in _TOKEN.finditer(data)}:
        plain = token.rstrip(b"=").translate(bytes.maketrans(b"+/", b"-_"))
        for start in range(4 if len(plain) > 400 else 1):
            part = plain[start : start + (len(plain) - start) // 4 * 4 or None]
            for whole in {part, plain} if not start else {part}:
                try:
                    yield base64.urlsafe_b64decode(whole + b"=" * (-len(whole) % 4))
                except ValueError:
                    continue
    for token in {match[0] for match in _HEX.finditer(data)}:
        yield bytes.fromhex(token[: len(token) // 2 * 2].decode())
    for text in {match[0] for match in re.finditer(rb'"(?:[^"\\]|\\.)*\\(?:[^"\\]|\\.)*"', data)}:
        try:
            yield json.loads(text).encode("utf-8", "surrogatepass")
        except ValueError:
            continue


def _opens(file: bytes, identity: bytes) -> bool:
    """Tell whether 32 bytes are the identity of an age file: c2sp.org/age, X25519 recipient."""
    if len(identity) != 32:
        return False
    header = file.split(b"\n", 3)
    ephemeral = base64.b64decode(header[1].split()[2] + b"=")
    key = X25519PrivateKey.from_private_bytes(identity)
    public = key.public_key().public_bytes_raw()
    try:
        shared = key.exchange(X25519PublicKey.from_public_bytes(ephemeral))
        wrap = HKDF(SHA256(), 32, ephemeral + public, b"age-encryption.org/v1/X25519").derive(
            shared
        )
        ChaCha20Poly1305(wrap).decrypt(bytes(12), base64.b64decode(header[2] + b"=="), None)
    except Exception:  # a wrong key, whatever it is called
        return False
    return True


def _age(envelope: bytes, key: bytes, tmp_path: Path) -> bytes:
    """Open an envelope with Debian's `age`."""
    (tmp_path / "envelope.age").write_bytes(envelope)
    (tmp_path / "identity.txt").write_text(keys.age_identity(key) + "\n")
    return subprocess.run(
        ["age", "-d", "-i", "identity.txt", "envelope.age"],
        cwd=tmp_path,
        check=True,
        capture_output=True,
    ).stdout


# --- the provider -----------------------------------------------------------------------


def _rows(story: Story) -> Iterator[tuple[str, bytes]]:
    """Read every column of every table; what the web tier encrypted is opened with its keys."""
    database = story.service.database()
    try:
        with database.reading() as db:
            for mapper in Base.registry.mappers:
                for row in db.scalars(select(mapper.class_)):
                    for column in inspect(type(row)).column_attrs:
                        value = getattr(row, column.key)
                        if isinstance(value, str | bytes):
                            place = f"{mapper.local_table.name}.{column.key}"
                            yield place, value if isinstance(value, bytes) else value.encode()
    finally:
        database.close()


def _backups(story: Story, request: pytest.FixtureRequest) -> Iterator[tuple[str, bytes]]:
    url = make_url(story.service.settings.database)
    if url.get_backend_name() == "postgresql":
        server: Server = request.getfixturevalue("postgresql")
        yield from canary.dump_parts(server.dump(str(url.database)))
    yield from canary.files_under(story.service.settings.data_dir)


@pytest.fixture(scope="module")
def everything(story: Story, request: pytest.FixtureRequest) -> list[tuple[str, bytes]]:
    """All that the provider has, ever had, or saw pass by."""
    service = story.service
    private = custodian_keys(service)
    seeds = [key.seed for key in private.sealing]
    seeds += [signer.key.private_bytes_raw() for signer in private.ledger]
    return [
        *_rows(story),
        *_backups(story, request),
        *canary.files_under(service.logs),
        *canary.files_under(service.record),
        *canary.mail_parts(service.office.raw),
        *(("a private key", seed) for seed in (*seeds, private.mac_key)),
    ]


@pytest.fixture(scope="module")
def provider(story: Story, everything: list[tuple[str, bytes]]) -> Insider:
    kit = story.home.kit
    return Insider(kit.manifest, kit.envelope, custodian_keys(story.service)).take(everything)


def test_the_provider_has_its_own_share_and_no_other(provider: Insider) -> None:
    assert provider.groups() == {provider.manifest.of_role("provider")[0].group}


def test_the_provider_cannot_open_the_envelope(provider: Insider, tmp_path: Path) -> None:
    assert len(provider.values) > 1000, "it did not look hard"
    assert provider.opened(tmp_path) is None


def test_the_provider_cannot_open_the_invitation(
    provider: Insider, everything: list[tuple[str, bytes]]
) -> None:
    sealed = [data for data in provider._known if data.startswith(b"age-encryption.org")]
    assert len(sealed) >= 2, "the envelope and the invitation passed through the provider's hands"
    passed_by = [place for place in everything if "log" in place[0] or "http" in place[0]]
    assert provider.guess_invitations(passed_by) < _MOST_GUESSES, "not all were tried"
    assert provider.groups() == {provider.manifest.of_role("provider")[0].group}


_LEAKS: dict[str, Callable[[str], bytes]] = {
    "a log line": lambda words: f'{{"event": "sent", "words": "{words}"}}'.encode(),
    "numbered": lambda words: "\n".join(
        f"{n}. {word}" for n, word in enumerate(words.split(), 1)
    ).encode(),
    "JSON": lambda words: json.dumps(words.split()).encode(),
    "base64": lambda words: base64.b64encode(f"share: {words}".encode()),
    "hexadecimal": lambda words: words.encode().hex().encode(),
}


@pytest.mark.parametrize("form", _LEAKS)
@pytest.mark.parametrize("role", ["contact", "customer"])
def test_one_share_more_in_a_log_opens_it(
    story: Story, provider: Insider, tmp_path: Path, form: str, role: str
) -> None:
    """The test of the test: had a single share leaked, the insider would have found it."""
    leak = _LEAKS[form](story.payloads[role].words)
    with_leak = Insider(
        provider.manifest, provider.envelope, provider.keys, dict(provider.shares)
    ).take([("web.log", b'{"event": "request"}\n' + leak + b"\n")])
    assert len(with_leak.groups()) == 2
    assert with_leak.opened(tmp_path) == SECRET


@pytest.mark.parametrize("form", ["hex", "base64url", "raw"])
def test_the_recovery_key_in_a_log_opens_it(
    story: Story, provider: Insider, tmp_path: Path, form: str
) -> None:
    key = story.recovery_key
    leak = {
        "hex": key.hex().encode(),
        "base64url": base64.urlsafe_b64encode(key),
        "raw": b"R=" + key + b";",
    }[form]
    with_leak = Insider(provider.manifest, provider.envelope).take([("log", leak)])
    assert with_leak.opened(tmp_path) == SECRET


def test_an_invitation_with_link_and_digits_in_a_log_opens_it(
    story: Story, provider: Insider, tmp_path: Path
) -> None:
    invited = story.home.document["invitations"][0]
    leak = [("log", f"{invited['link']} {invited['digits']}".encode())]
    with_leak = Insider(
        provider.manifest,
        provider.envelope,
        provider.keys,
        dict(provider.shares),
        _known=set(provider._known),
    )
    assert with_leak.guess_invitations(leak) == 1
    assert with_leak.opened(tmp_path) == SECRET


# --- the others -------------------------------------------------------------------------


@pytest.mark.parametrize("who", ["kit", "card"])
def test_one_piece_alone_opens_nothing(story: Story, tmp_path: Path, who: str) -> None:
    home = story.home
    path = home.kit_path if who == "kit" else home.card_path()
    alone = Insider(home.kit.manifest, home.kit.envelope).take(canary.files_under(path))
    assert len(alone.shares) == len(alone.groups()) == 1
    assert alone.opened(tmp_path) is None


def test_kit_and_card_together_open_it(story: Story, tmp_path: Path) -> None:
    home = story.home
    both = Insider(home.kit.manifest, home.kit.envelope).take(
        [*canary.files_under(home.kit_path), *canary.files_under(home.card_path())]
    )
    assert both.opened(tmp_path) == SECRET


@pytest.mark.parametrize("other", ["nobody", "kit", "provider"])
@pytest.mark.parametrize(("needed", "count"), [(2, 3), (3, 3), (3, 4)])
def test_all_but_one_of_the_needed_contacts(
    tmp_path: Path, needed: int, count: int, other: str
) -> None:
    """Even with the kit or the provider's share: any `needed` − 1 contacts, in every choice."""
    from tests.cli.deposits import make

    made = make(needed, count)
    helper = {"nobody": [], "kit": [made.kit.payload], "provider": [made.provider]}[other]
    for chosen in itertools.combinations(made.cards, needed - 1):
        payloads = [*(card.payload for card in chosen), *helper]
        few = Insider(made.manifest, made.envelope).take((p.role, p.data) for p in payloads)
        assert len(few.shares) == len(payloads)
        assert few.opened(tmp_path) is None
    enough = [card.payload for card in made.cards[:needed]]
    together = Insider(made.manifest, made.envelope).take(
        (payload.role, payload.data) for payload in (*enough, *helper)
    )
    assert together.opened(tmp_path) == (made.secret if helper else None)
