"""Combining without the service: every pair of groups, every form of a piece, every refusal."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import pytest

from escrow.protocol import envelope as envelopes
from escrow.protocol import qr, slip39
from escrow.protocol.encoding import b64url, grouped
from escrow.protocol.errors import NotOpened, ProtocolError
from escrow.protocol.kit import Card, Kit
from escrow.protocol.share import Payload
from escrow_cli import offline
from escrow_cli.offline import BadPiece, Piece
from escrow_cli.words import Typing
from tests.cli.deposits import Made, make
from tests.cli.person import Ended, Person

POLICIES = [(0, 0), (1, 1), (2, 2), (2, 3), (3, 5), (2, 16)]


def of_file(name: str, piece: Kit | Card) -> Piece:
    return offline.piece_of_file(name, piece.data)


def of_qr(name: str, payload: Payload) -> Piece:
    return offline.piece_of_qr(name, qr.share_text(payload))


def of_words(name: str, payload: Payload, made: Made) -> Piece:
    return offline.piece_of_words(
        name, payload.words, grouped_id(payload.custody), grouped(made.manifest.code())
    )


def grouped_id(identifier: str) -> str:
    return " ".join(identifier[i : i + 4] for i in range(0, 32, 4)).upper()


FORMS: dict[str, Callable[[str, Payload, Made], Piece]] = {
    "code": lambda name, payload, _made: of_qr(name, payload),
    "words": of_words,
    "words alone": lambda name, payload, _made: offline.piece_of_words(name, payload.words),
    "words in a file": lambda name, payload, _made: offline.piece_of_file(
        name, f"\n {payload.words.upper()}\n".encode()
    ),
    "code in a file": lambda name, payload, _made: offline.piece_of_file(
        name, f"{qr.share_text(payload)}\n".encode()
    ),
}


def refused(pieces: list[Piece], envelope: bytes | None = None) -> ProtocolError:
    with pytest.raises(ProtocolError) as found:
        offline.combine(pieces, envelope)
    assert not any(piece.words in str(found.value) for piece in pieces)
    return found.value


@pytest.mark.parametrize(("needed", "count"), POLICIES)
def test_every_pair_of_groups_gives_the_secret(needed: int, count: int) -> None:
    made = make(needed, count)
    kit, provider = of_file("kit", made.kit), of_qr("provider", made.provider)
    groups = [[[kit]], [[provider]]]
    if count:
        cards = [of_file(f"card {i}", card) for i, card in enumerate(made.cards)]
        some = list(combinations(cards, needed))[:: max(1, count - 3)]
        groups.append([list(chosen) for chosen in some])
    for first, second in combinations(groups, 2):
        for pieces in (a + b for a in first for b in second):
            found = offline.combine(pieces, None if kit in pieces else made.envelope)
            assert found.secret == made.secret
            assert found.manifest == made.manifest
            assert offline.is_enough(pieces)
            assert not offline.is_enough(pieces[:-1])


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("other", FORMS)
def test_without_a_file_the_manifest_is_not_checked(form: str, other: str) -> None:
    made = make(1, 1)
    pieces = [
        FORMS[form]("the kit", made.kit.payload, made),
        FORMS[other]("the card", made.cards[0].payload, made),
    ]
    found = offline.combine(pieces, made.envelope)
    assert (found.secret, found.manifest) == (made.secret, None)


@pytest.mark.parametrize("form", FORMS)
def test_one_file_is_enough_to_check_all(form: str) -> None:
    made = make(1, 1)
    card = FORMS[form]("the card", made.cards[0].payload, made)
    for pieces in ([of_file("the kit", made.kit), card], [card, of_file("the kit", made.kit)]):
        assert offline.combine(pieces).manifest == made.manifest


def test_the_secret_never_shows_in_a_repr() -> None:
    made = make(1, 1)
    pieces = [of_file("kit", made.kit), of_file("card", made.cards[0])]
    shown = repr(pieces) + repr(offline.combine(pieces))
    assert made.kit.payload.words not in shown
    assert repr(made.secret)[2:-1] not in shown


@pytest.mark.parametrize("form", FORMS)
def test_a_piece_of_another_deposit_is_named(form: str) -> None:
    made, other = make(1, 1), make(1, 1)
    foreign = FORMS[form]("blue paper", other.cards[0].payload, other)
    error = refused([of_file("kit", made.kit), foreign])
    assert isinstance(error, BadPiece)
    assert error.piece == "blue paper"
    assert error.code in {"wrong_deposit", "wrong_manifest", "wrong_share"}
    assert str(error).startswith("blue paper: ")
    error = refused([of_qr("kit", made.kit.payload), foreign], made.envelope)
    assert isinstance(error, BadPiece)
    assert error.piece == "blue paper"


def test_words_refuse_any_other_manifest() -> None:
    made = make(1, 1)
    words = offline.piece_of_words("words", made.cards[0].payload.words, code="0" * 24)
    error = refused([of_file("kit", made.kit), words])
    assert (error.code, getattr(error, "piece", "")) == ("wrong_manifest", "words")
    error = refused([of_qr("code", made.kit.payload), words], made.envelope)
    assert (error.code, getattr(error, "piece", "")) == ("wrong_manifest", "words")


def test_words_with_the_number_of_another_piece_are_refused() -> None:
    made = make(2, 3)
    first, second = (card.payload for card in made.cards[:2])
    words = offline.piece_of_words("words", first.words, second.custody)
    error = refused([of_file("kit", made.kit), of_file("card", made.cards[1]), words])
    assert (error.code, getattr(error, "piece", "")) == ("wrong_share", "words")


def test_a_code_with_another_description_is_refused() -> None:
    made = make(1, 1)
    other = replace(made.cards[0].payload, manifest_hash=bytes(32))
    error = refused([of_file("kit", made.kit), of_qr("card", other)])
    assert (error.code, getattr(error, "piece", "")) == ("wrong_manifest", "card")


def test_a_forged_share_is_named() -> None:
    """Somebody who hands over another genuine-looking share of the same place."""
    made = make(2, 3)
    share = made.cards[1].payload.share()
    forged = replace(share, value=bytes([share.value[0] ^ 1]) + share.value[1:]).words()
    pieces = [of_file("kit", made.kit), of_file("Anna", made.cards[0])]
    error = refused([*pieces, offline.piece_of_words("Bob", forged)])
    assert (error.code, getattr(error, "piece", "")) == ("wrong_share", "Bob")
    alone = [offline.piece_of_words(piece.name, piece.words) for piece in pieces]
    error = refused([*alone, offline.piece_of_words("Bob", forged)], made.envelope)
    assert error.code == "wrong_digest", "without a description nobody can be named"


@pytest.mark.parametrize(
    ("chosen", "code", "named"),
    [
        ((0,), "missing_share", None),
        ((0, 1), "missing_share", None),
        ((0, 1, 1), "duplicate_share", "piece 1"),
        ((0, 1, 2, 3), "surplus_share", "piece 3"),
        ((0, 0, 1, 2), "duplicate_share", "piece 0"),
        ((), "missing_share", None),
    ],
)
def test_too_few_and_too_many_are_named(
    chosen: tuple[int, ...], code: str, named: str | None
) -> None:
    made = make(2, 3)
    payloads = [made.kit.payload, *(card.payload for card in made.cards)]
    error = refused([of_qr(f"piece {i}", payloads[i]) for i in chosen], made.envelope)
    assert (error.code, getattr(error, "piece", None)) == (code, named)


def test_a_damaged_envelope_is_refused_with_and_without_a_description() -> None:
    made = make(1, 1)
    damaged = made.envelope[:-1] + bytes([made.envelope[-1] ^ 1])
    card = of_file("card", made.cards[0])
    assert refused([of_file("kit", made.kit), card], damaged).code == "wrong_envelope"
    codes = [of_qr("kit", made.kit.payload), of_qr("card", made.cards[0].payload)]
    assert refused(codes, damaged).code == "damaged_envelope"
    assert isinstance(refused(codes, envelopes.seal(b"x", bytes(32))), NotOpened)
    assert refused(codes).code == "missing_envelope"


def test_an_envelope_comes_from_an_age_file_a_code_or_a_kit() -> None:
    made = make(1, 1)
    code = qr.envelope_text(made.envelope) or ""
    broken = "\n".join(code[i : i + 76] for i in range(0, len(code), 76))
    for data in (made.envelope, code.encode(), f" {broken}\n".encode(), made.kit.data):
        assert offline.envelope_of_file(data) == made.envelope
    for data in (b"", b"secret", b"\xff\xfe", qr.share_text(made.kit.payload).encode()):
        with pytest.raises(ProtocolError):
            offline.envelope_of_file(data)


def test_damaged_files_and_codes_are_named() -> None:
    made = make(1, 1)
    text = qr.share_text(made.kit.payload)
    check = qr.Check(made.manifest.deposit, made.kit.payload.custody, bytes(16)).text
    for data, code in (
        (made.kit.data[:-2], "malformed_kit"),
        (made.kit.data.replace(b"contact0@", b"contact9@"), "wrong_contact"),
        ((qr.SHARE_PREFIX + b64url(made.kit.payload.data[:-3])).encode(), "malformed_share"),
        (text.replace(":", ";").encode(), "malformed_qr"),
        (check.encode(), "check_code_given"),
        (b"\xff\xfe\x00", "malformed_kit"),
        (b"", "malformed_kit"),
        (b"academic acid", "wrong_word_count"),
        (" ".join(["academic"] * 33).encode(), "wrong_checksum"),
    ):
        with pytest.raises(BadPiece) as refusal:
            offline.piece_of_file("it", data)
        assert (refusal.value.piece, refusal.value.code) == ("it", code)


@pytest.mark.parametrize(
    ("custody", "code", "expected"),
    [
        ("12ab", "", "malformed_identifier"),
        ("g" * 32, "", "malformed_identifier"),
        ("", "1234 5678", "wrong_manifest_code"),
        ("", "x" * 24, "wrong_manifest_code"),
        ("", "٣" * 24, "wrong_manifest_code"),
    ],
)
def test_numbers_that_are_none_are_refused(custody: str, code: str, expected: str) -> None:
    with pytest.raises(BadPiece) as refusal:
        offline.piece_of_words("it", make(1, 1).kit.payload.words, custody, code)
    assert refusal.value.code == expected


# Typing


def typed(keys: str, count: int = 33) -> Typing:
    typing = Typing(count)
    for key in keys:
        typing.take(key)
    return typing


def test_four_letters_complete_a_word() -> None:
    words = make(1, 1).kit.payload.words
    assert typed(" ".join(word[:4] for word in words.split()) + " ").words == words.split()
    assert typed(words.upper() + "\n").words == words.split()
    numbered = "\n".join(f"{i}. {word}" for i, word in enumerate(words.split(), 1))
    assert typed(numbered + "\n").words == words.split()


def test_every_word_is_completed() -> None:
    for word in slip39.word_list():
        assert typed(word[:4], 1).word == word


def test_a_wrong_letter_is_not_taken_and_erasing_goes_back() -> None:
    typing = typed("acaz", 2)
    assert (typing.letters, typing.take("z"), typing.take(" ")) == ("aca", False, False)
    assert typed("acad\x7f\x7fid").word == "acid"
    back = typed("acad acid \x7f")
    assert (back.words, back.word) == (["academic"], "acid")
    assert typed("acad acid " + "\x7f" * 30).words == []
    assert not typed("acad").is_complete
    assert typed("acad acid ", 2).is_complete


# The command


@pytest.fixture
def person(tmp_path: Path) -> Person:
    clock = tmp_path / "clock"
    clock.write_text("0")
    return Person(tmp_path / "home", clock)


@pytest.fixture
def made(person: Person) -> Made:
    made = make(2, 3, secret=b"\x00binary\xff")
    (person.home / "kit.escrow.json").write_bytes(made.kit.data)
    for number, card in enumerate(made.cards):
        (person.home / f"card{number}.escrow.json").write_bytes(card.data)
    (person.home / "envelope.txt").write_text(qr.envelope_text(made.envelope) or "")
    return made


FILES = (
    "--piece",
    "kit.escrow.json",
    "--piece",
    "card0.escrow.json",
    "--piece",
    "card2.escrow.json",
)


def test_a_key_that_could_not_be_printed_is_said_to_be_lost_nowhere(
    person: Person, made: Made
) -> None:
    ended = person.run(
        *(*FILES, "--print"),
        program=["/bin/sh", "-c", 'exec "$@" > /dev/full', "sh", *person.client(), "combine"],
        tty=False,
    )
    assert ended.status == 2
    assert "could not be written to standard output: No space left on device" in ended.stderr
    assert "Nothing is lost" in ended.stderr
    assert "Exception ignored" not in ended.stderr


def test_files_in_secret_out(person: Person, made: Made) -> None:
    ended = person.run("combine", *FILES, "--print", tty=False)
    assert (ended.status, ended.stdout) == (0, made.secret + b"\n")
    assert "pieces, signature and envelope are genuine" in ended.stderr
    assert "binary" not in ended.stderr + ended.tty
    ended = person.run("combine", *FILES, "--print", "--no-newline", tty=False)
    assert (ended.status, ended.stdout) == (0, made.secret)


def test_output_is_private_and_never_overwritten_unasked(person: Person, made: Made) -> None:
    target = person.home / "key"
    ended = person.run("combine", *FILES, "--output", "key", tty=False)
    assert (ended.status, ended.stdout, target.read_bytes()) == (0, b"", made.secret)
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    target.write_bytes(b"mine")
    assert person.run("combine", *FILES, "--output", "key", tty=False).status == 2
    assert target.read_bytes() == b"mine"
    ended = person.run("combine", *FILES, "--output", "key", "--force", "--json", tty=False)
    assert (ended.status, target.read_bytes()) == (0, made.secret)
    assert b'"manifest_checked": true' in ended.stdout
    assert b"binary" not in ended.stdout


def by_words(person: Person, made: Made, *options: str, numbers: bool = True) -> Ended:
    """Type the kit and two cards; a slip in the second word is erased."""
    process = person.start("combine", "--words", *options)
    code = grouped(made.manifest.code()) if numbers else ""
    for payload in (made.kit.payload, made.cards[0].payload, made.cards[2].payload):
        first, rest = payload.words.split(" ", 1)
        for question, answer in (
            ("to type its words: ", ""),
            ("Word 1 of 33: ", f"{first} zzz\x7f\x7f {rest}"),
            ("on the paper: ", grouped_id(payload.custody) if numbers else ""),
            ("24 digits: ", code),
        ):
            process.until(lambda end=question: process.tty.endswith(end))  # type: ignore[misc]
            os.write(process.master, f"{answer}\n".encode())
    process.answers = [("Your key, encrypted", qr.envelope_text(made.envelope) or "")]
    return process.finish()


def test_three_papers_typed(person: Person, made: Made) -> None:
    ended = by_words(person, made, "--envelope", "envelope.txt", "--print")
    assert (ended.status, ended.stdout) == (0, made.secret + b"\n")
    assert "Manifest not checked" in ended.stderr
    assert "Word 33 of 33" in ended.tty


def test_papers_of_which_only_the_words_can_be_read(person: Person, made: Made) -> None:
    ended = by_words(person, made, "--output", "key", numbers=False)
    assert (ended.status, ended.stdout) == (0, b"")
    assert (person.home / "key").read_bytes() == made.secret


def test_a_scanner_types_codes(person: Person, made: Made) -> None:
    scans = iter(
        [
            "escrow1c:" + "A" * 64,
            qr.share_text(made.cards[1].payload),
            qr.share_text(made.cards[1].payload),
            qr.share_text(made.cards[2].payload),
        ]
    )
    ended = person.run(
        "combine", "--piece", "kit.escrow.json", "--words", "--print",
        answers=[("Scan the code of", lambda: next(scans))],
    )  # fmt: skip
    assert (ended.status, ended.stdout) == (0, made.secret + b"\n")
    assert "piece 2: This is the check code" in ended.stderr
    assert "piece 3: The same piece was given twice" in ended.stderr
    assert "genuine" in ended.stderr


def test_a_wrong_word_is_named_and_asked_for_again(person: Person) -> None:
    made = make(1, 1)
    words = made.kit.payload.words.split()
    wrong = [*words[:6], "academic" if words[6] != "academic" else "acid", *words[7:]]
    tries = iter([" ".join(wrong), made.kit.payload.words, made.cards[0].payload.words])
    ended = person.run(
        "combine", "--words", "--print",
        answers=[
            ("Scan the code of", lambda: next(tries)),
            ("Number of the piece", ""),
            ("24 digits", ""),
            ("Your key, encrypted", qr.envelope_text(made.envelope) or ""),
        ],
    )  # fmt: skip
    assert (ended.status, ended.stdout) == (0, made.secret + b"\n")
    assert "piece 1: " in ended.stderr
    assert "It is word 7." in ended.stderr


def test_refusals_name_the_file_and_end_with_7(person: Person, made: Made) -> None:
    other = make(2, 3)
    (person.home / "old card.json").write_bytes(other.cards[0].data)
    ended = person.run("combine", *FILES[:4], "--piece", "old card.json", "--print", tty=False)
    assert (ended.status, ended.stdout) == (7, b"")
    assert "error: old card.json: This piece belongs to another deposit." in ended.stderr
    ended = person.run("combine", *FILES[:4], "--print", tty=False)
    assert ended.status == 7
    assert "hint: Give another --piece FILE" in ended.stderr
    ended = person.run("combine", *FILES[2:], "--piece", "card1.escrow.json", "--print", tty=False)
    assert ended.status == 7
    assert "card1.escrow.json: One piece too many" in ended.stderr
    (person.home / "envelope.txt").write_text("nothing")
    ended = person.run("combine", *FILES, "--envelope", "envelope.txt", "--print", tty=False)
    assert (ended.status, ended.stdout) == (7, b"")
    assert "envelope.txt: This is not an encrypted key" in ended.stderr


def test_wrong_use_ends_with_2(person: Person, made: Made) -> None:
    for arguments in (
        ("--piece", "none.json", "--print"),
        (*FILES, "--print", "--output", "key"),
        (),
    ):
        ended = person.run("combine", *arguments, tty=False)
        assert (ended.status, ended.stdout) == (2, b""), ended.stderr
    assert person.run("combine", *FILES, "--print", "--json", tty=False).status == 2
    assert not (person.home / "key").exists()


def test_in_dutch(person: Person, made: Made) -> None:
    ended = person.run("combine", *FILES[:4], "--print", "--language", "nl", tty=False)
    assert ended.status == 7
    assert "Geef nog een --piece BESTAND" in ended.stderr
