"""Kit and card as a person's scanner, copier and eyes meet them."""

from __future__ import annotations

import re
import unicodedata
from base64 import b64encode
from functools import cache

import pypdfium2  # type: ignore[import-untyped]
import pytest
import zxingcpp

from escrow import triptych
from escrow.protocol import keys, note, qr, slip39
from escrow.protocol.encoding import grouped
from escrow.protocol.errors import ProtocolError
from escrow.protocol.share import Payload
from escrow.triptych import Panel
from escrow_cli.paper import card_pdf, kit_pdf
from escrow_cli.paper.sheet import LARGE, NORMAL
from tests.cli.deposits import Made, checkpoint, make

_QR = zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.QRCode)
PROVIDER = "Voorbeeld Telecom"
PHONE = "0800 0402"
ODD = "👩‍👩‍👧 張偉 שלום العربية ไทย ⚡️ ﷽ e\u0301 \u202eabc\u202c\u0007 {x} %s <b> W"
"""Scripts that the fonts lack, emoji, direction marks, control and template characters."""


@cache
def kit_of(made: Made, locale: str = "en", note: str | None = None) -> bytes:
    note = checkpoint() if note is None else note
    return kit_pdf(made.kit, note, locale=locale, provider_name=PROVIDER, provider_phone=PHONE)


@cache
def card_of(made: Made, locale: str = "en", *, large: bool = False, name: str = "Zoë") -> bytes:
    return card_pdf(
        made.cards[0], name=name, locale=locale, provider_name=PROVIDER, provider_phone=PHONE,
        large=large,
    )  # fmt: skip


def pages_of(pdf: bytes) -> list[str]:
    document = pypdfium2.PdfDocument(pdf)
    return [page.get_textpage().get_text_bounded().replace("\r", "") for page in document]


def text_of(pdf: bytes) -> str:
    return "\n".join(pages_of(pdf))


def flat(pdf: bytes) -> str:
    return " ".join(text_of(pdf).replace("\u00a0", " ").split())


def codes_of(pdf: bytes, page: int | None = None) -> list[str]:
    """Decode every QR code at 150 dpi, as a poor office scanner sees it."""
    found = []
    for number, sheet in enumerate(pypdfium2.PdfDocument(pdf)):
        if page in {None, number}:
            found += [code.text for code in scanned(sheet)]
    return found


def scanned(sheet: pypdfium2.PdfPage) -> list[zxingcpp.Barcode]:
    image = sheet.render(scale=150 / 72, grayscale=True).to_numpy()
    return list(zxingcpp.read_barcodes(image, formats=_QR))


def words_in(text: str) -> list[str]:
    """Read the numbered grid as a scanner's text recognition gives it: in order."""
    numbered = re.findall(r"(?m)(?<![\w.])(\d{1,2})\s+([a-z]{4,8})\b", text)
    listed = set(slip39.word_list())
    grid = [(int(number), word) for number, word in numbered if word in listed]
    assert [number for number, _ in grid] == list(range(1, 34))
    return [word for _, word in grid]


def check_of(payload: Payload) -> qr.Check:
    seed = keys.check_seed(payload.share().value, payload.deposit, payload.custody)
    return qr.Check(payload.deposit, payload.custody, seed)


@pytest.fixture(scope="module")
def made() -> Made:
    return make()


@pytest.mark.parametrize("locale", ["en", "nl"])
def test_every_code_of_the_kit_decodes_to_the_object(made: Made, locale: str) -> None:
    found = codes_of(kit_of(made, locale))
    payload = made.kit.payload
    expected = {
        qr.share_text(payload),
        check_of(payload).text,
        qr.checkpoint_text(checkpoint()),
        qr.envelope_text(made.envelope),
    }
    assert len(found) == 4
    assert set(found) == expected
    by_prefix = {text[:9]: text for text in found}
    assert qr.parse_share(by_prefix["escrow1s:"]) == payload
    assert qr.Check.parse(by_prefix["escrow1c:"]) == check_of(payload)
    assert qr.parse_checkpoint(by_prefix["escrow1l:"]) == checkpoint()
    assert qr.parse_envelope(by_prefix["escrow1e:"]) == made.envelope


@pytest.mark.parametrize("locale", ["en", "nl"])
@pytest.mark.parametrize("large", [False, True])
def test_every_code_of_the_card_decodes_to_the_object(made: Made, locale: str, large: bool) -> None:
    payload = made.cards[0].payload
    found = codes_of(card_of(made, locale, large=large))
    assert len(found) == 3
    assert set(found) == {
        qr.share_text(payload), check_of(payload).text, qr.checkpoint_text(checkpoint()),
    }  # fmt: skip


@pytest.mark.parametrize("locale", ["en", "nl"])
def test_words_and_numbers_stand_on_the_kit(made: Made, locale: str) -> None:
    pdf = kit_of(made, locale)
    pages, text = pages_of(pdf), flat(pdf)
    payload, manifest = made.kit.payload, made.manifest
    verifier = note.Verifier.parse(manifest.ledger_vkey)
    assert words_in(pages[0]) == payload.words.split()
    for number in (
        grouped(manifest.code()),
        grouped(verifier.key_digits()),
        grouped(payload.custody),
        grouped(payload.deposit),
        "40961",
        b64encode(note.Checkpoint.verify(checkpoint(), verifier).root).decode(),
    ):
        assert number in text
    assert grouped(keys.check_code(check_of(payload).seed)) in " ".join(pages[0].split())
    assert PROVIDER in pages[0]
    assert "recovery.example" in pages[0]
    assert "Laptop backup" in pages[0]
    for contact in made.kit.contacts:
        assert f"{contact.name}, {contact.address}" in text
    assert PHONE in text


@pytest.mark.parametrize("large", [False, True])
def test_words_and_numbers_stand_on_the_card(made: Made, large: bool) -> None:
    pdf = card_of(made, large=large)
    payload, text = made.cards[0].payload, flat(pdf)
    assert words_in(pages_of(pdf)[1 if large else 0]) == payload.words.split()
    for number in (
        grouped(made.manifest.code()), grouped(payload.custody), grouped(payload.deposit), "40961",
        grouped(keys.check_code(check_of(payload).seed)),
    ):  # fmt: skip
        assert number in text
    assert "You, Zoë: this paper" in text
    assert "Call back on the number you already have" in text
    assert "Never give your piece to someone who contacts you first" in text


def test_words_are_large_enough() -> None:
    assert NORMAL.word >= 12
    assert LARGE.word >= 20
    assert LARGE.body >= 16


def test_the_last_page_ends_with_the_four_digits(made: Made) -> None:
    pages = pages_of(kit_of(made))
    digits = made.manifest.code()[-4:]
    assert " ".join(digits) in " ".join(pages[-1].split())
    assert not any(" ".join(digits) in " ".join(page.split()) for page in pages[:-1])
    assert f"{len(pages)} / {len(pages)}" in pages[-1]


@pytest.mark.parametrize("locale", ["en", "nl"])
@pytest.mark.parametrize(("needed", "count"), [(1, 1), (2, 3), (4, 4), (5, 9)])
def test_no_page_has_the_digits_alone_and_no_line_runs_off_the_paper(
    locale: str, needed: int, count: int
) -> None:
    pdf = kit_of(make(needed, count), locale)
    assert len(pages_of(pdf)[-1].split()) > 60
    for page in pypdfium2.PdfDocument(pdf):
        text = page.get_textpage()
        right = max(text.get_charbox(i)[2] for i in range(text.count_chars()))
        assert right <= (210 - 17.5) / 25.4 * 72


def test_a_check_does_not_expose_the_share(made: Made) -> None:
    """In large print it has the first page alone; otherwise the fold stands between."""
    first = codes_of(card_of(made, large=True), page=0)
    assert first == [check_of(made.cards[0].payload).text]
    page = pypdfium2.PdfDocument(kit_of(made))[0]
    codes = {code.text[:9]: code.position for code in scanned(page)}
    text = page.get_textpage()
    fold = text.search("Fold here").get_next()
    assert fold is not None
    fold_y = (297 / 25.4 * 72 - text.get_charbox(fold[0])[3]) / 72 * 150
    assert codes["escrow1s:"].bottom_left.y < fold_y < codes["escrow1c:"].top_left.y
    words = text.get_text_bounded(bottom=text.get_charbox(fold[0])[3])
    assert words_in(words.replace("\r", "")) == made.kit.payload.words.split()


@pytest.mark.parametrize("locale", ["en", "nl"])
def test_both_languages_are_complete(made: Made, locale: str) -> None:
    kit, card = flat(kit_of(made, locale)), flat(card_of(made, locale))
    dutch = {"Uw herstelset", "Doe dit nooit", "Sleutelherstel", "donderdag 26 november 2026"}
    english = {"Your kit", "Never do this", "Key recovery", "Thursday 26 November 2026"}
    wanted, unwanted = (dutch, english) if locale == "nl" else (english, dutch)
    assert all(sentence in kit for sentence in wanted)
    assert not any(sentence in kit + card for sentence in unwanted)
    for needed in ("shamir recover", "age -d -i identity.txt envelope.age", "escrow combine"):
        assert needed in kit


@pytest.mark.parametrize("locale", ["en", "nl"])
def test_the_kit_says_how_many_cards_it_takes(locale: str) -> None:
    three, one = flat(kit_of(make(2, 3), locale)), flat(kit_of(make(1, 1), locale))
    cards = (
        "--piece kit.escrow.json --piece card1.escrow.json --piece card2.escrow.json \\ --output"
    )
    assert cards in three
    assert "--piece kit.escrow.json --piece card.escrow.json --output" in one
    only = {"en": "Only two pieces together open it", "nl": "Alleen twee delen samen"}[locale]
    cards_said = {"en": "or the cards of 2 contacts", "nl": "of de kaarten van 2"}[locale]
    assert cards_said in three
    assert only not in three
    assert cards_said not in one


def test_other_peoples_program_is_installed_beside_the_systems_own(made: Made) -> None:
    """A Debian of today refuses `pip install` outside of a virtual environment."""
    kit = flat(kit_of(made))
    assert "python3 -m venv tools" in kit
    assert "tools/bin/shamir recover" in kit


def test_the_card_says_whose_key_it_is_as_the_service_says_it(made: Made) -> None:
    card = card_pdf(
        made.cards[0], name="Zoë", customer="mira@example.org", locale="en",
        provider_name=PROVIDER, provider_phone=PHONE,
    )  # fmt: skip
    assert f"Asked for by, as {PROVIDER} says: mira@example.org" in flat(card)


def test_no_metadata_but_title_language_and_the_deposits_day(made: Made) -> None:
    pdf = kit_of(made)
    assert pdf == kit_of.__wrapped__(made), "the same content gives the same bytes"
    document = pypdfium2.PdfDocument(pdf)
    found = {key: value for key, value in document.get_metadata_dict().items() if value}
    assert found == {"Title": "Your kit", "CreationDate": "D:20261126000000Z"}
    assert b"/Metadata" not in pdf
    assert b"fpdf" not in pdf.lower()


def test_sixteen_contacts_with_long_names_all_stand_there() -> None:
    made = make(16, 16, names=("Anna", "W" * 80, "Zoë van den Heuvel-Rijnders"))
    pdf = kit_of(made)
    assert set(codes_of(pdf)) >= {qr.share_text(made.kit.payload), qr.envelope_text(made.envelope)}
    text = flat(pdf)
    assert [text.count(f"{name}, contact") for name in ("Anna", "Heuvel-Rijnders")] == [6, 5]
    assert len(re.findall("W{20,}", text)) == 1 + 5
    assert "16 of 16 contacts are needed" in text


@pytest.mark.parametrize("label", [(ODD * 2)[:80], "W" * 80, "�", " "])
@pytest.mark.parametrize("large", [False, True])
def test_odd_labels_and_names_neither_crash_nor_hide_anything(label: str, large: bool) -> None:
    label = unicodedata.normalize("NFC", label)
    made = make(label=label, names=(label,))
    kit, card = kit_of(made), card_of(made, large=large, name=label)
    assert len(codes_of(kit)) == 4
    assert len(codes_of(card)) == 3
    assert words_in(pages_of(kit)[0]) == made.kit.payload.words.split()
    assert words_in(pages_of(card)[1 if large else 0]) == made.cards[0].payload.words.split()
    assert len(pages_of(kit)) <= 4
    assert len(pages_of(card)) == (5 if large else 2)


def test_a_provider_with_a_long_name_and_a_long_host_fits() -> None:
    made = make()
    pdf = kit_pdf(
        made.kit, checkpoint(), locale="nl", provider_name="Ø" * 120, provider_phone="1 " * 40
    )
    assert len(codes_of(pdf)) == 4
    assert words_in(pages_of(pdf)[0]) == made.kit.payload.words.split()


def largest_with_a_code() -> Made:
    """An envelope's length varies a little: try downwards until its text fits."""
    many = (make(1, 1, secret=bytes(length)) for length in range(1100, 0, -8))
    return next(made for made in many if qr.envelope_text(made.envelope))


@pytest.mark.parametrize("size", ["one byte", "largest with a code", "too long"])
def test_the_envelope_is_a_code_or_the_file_must_be_kept(size: str) -> None:
    fits = size != "too long"
    if size == "largest with a code":
        made = largest_with_a_code()
    else:
        made = make(1, 1, secret=bytes(1 if fits else 1300))
    pdf = kit_of(made)
    envelopes = [code for code in codes_of(pdf) if code.startswith("escrow1e:")]
    assert envelopes == ([qr.envelope_text(made.envelope)] if fits else [])
    sentence = "Keep the kit file (….escrow.json) with this paper"
    assert (sentence in flat(pdf)) != fits
    assert ("Name it kit.escrow.json" in flat(pdf)) != fits


def test_without_contacts_it_says_one_way_back_only() -> None:
    text = flat(kit_of(make(0, 0)))
    assert "You have one way back only" in text
    assert "Nobody yet" in text
    assert "shamir recover" not in text
    assert "comes back with the help of Voorbeeld Telecom" in text


def test_a_drill_says_so() -> None:
    made = make(kind="drill", waiting_seconds=0)
    assert "For a drill: “Laptop backup”" in flat(kit_of(made))
    assert "you do not have to wait" in flat(kit_of(made))
    assert "Voor een oefening" in flat(card_of(made, "nl"))


@pytest.mark.parametrize(
    ("seconds", "words"), [(86_400, "1 day"), (604_800, "7 days"), (90_000, "25 hours")]
)
def test_the_waiting_time_is_the_deposits(seconds: int, words: str) -> None:
    assert f"Wait {words}." in flat(kit_of(make(waiting_seconds=seconds)))


def test_without_a_checkpoint_it_says_so(made: Made) -> None:
    pdf = kit_of(made, note="")
    assert "No state of the ledger was known" in flat(pdf)
    assert len(codes_of(pdf)) == 3


def test_a_checkpoint_that_is_none_is_refused(made: Made) -> None:
    with pytest.raises(ProtocolError) as refused:
        kit_of(made, note="not a note")
    assert refused.value.code == "malformed_note"


def test_black_only(made: Made) -> None:
    """Every pixel is grey: a copier loses nothing."""
    for pdf in (kit_of(made), card_of(made, large=True)):
        for page in pypdfium2.PdfDocument(pdf):
            image = page.render(scale=0.6).to_numpy()
            assert (image[:, :, 0] == image[:, :, 1]).all()
            assert (image[:, :, 1] == image[:, :, 2]).all()


@pytest.mark.parametrize("state", Panel)
def test_each_state_of_a_panel_looks_different(state: Panel) -> None:
    others = {triptych.svg(s, Panel.DUE, Panel.DUE, "") for s in Panel if s is not state}
    assert triptych.svg(state, Panel.DUE, Panel.DUE, "") not in others


def test_the_picture_has_words_for_who_cannot_see_it() -> None:
    drawn = triptych.svg(Panel.PROVEN, Panel.INVITED, Panel.LOST, "You & <Anna>")
    assert "<title>You &amp; &lt;Anna&gt;</title>" in drawn
    assert 'role="img"' in drawn
    assert 'aria-hidden="true"' in triptych.svg(Panel.DUE, Panel.DUE, Panel.DUE, "")
