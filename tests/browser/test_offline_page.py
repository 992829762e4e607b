"""The offline page opens what the client has made (files, papers, words), refusing as it does."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path

import pytest
import zxingcpp
from PIL import Image
from playwright.sync_api import Browser, BrowserContext

from escrow.db import Database
from escrow.protocol import qr
from escrow.protocol.encoding import b64url, grouped
from escrow.protocol.errors import BadShare, ProtocolError
from escrow_cli import offline as cli_offline
from escrow_cli.combine import _MORE_SENTENCES
from escrow_cli.errors import SENTENCES
from escrow_cli.offline import BadPiece
from tests.browser.offline import PAGE, Offline, film, picture
from tests.cli.deposits import Made, make
from tests.cli.test_paper import card_of, kit_of
from tests.support import chromium
from tests.support.browser import Client
from tests.support.mailbox import Mailbox
from tests.support.node import ROOT, build_browser
from tests.support.world import World

PHONE_NL = {"viewport": {"width": 320, "height": 640}, "locale": "nl-NL", "color_scheme": "dark"}
NOTHING = {"java_script_enabled": False}


@pytest.fixture(scope="module", autouse=True)
def built() -> None:
    build_browser(ROOT)


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Offline]:
    found = Offline(context)
    yield found
    found.check()


@pytest.fixture(scope="module")
def made() -> Made:
    return make(1, 1)


@pytest.fixture
def files(made: Made, tmp_path: Path) -> Callable[[str], Path]:
    """What can be given: each under the name that a person would know it by."""
    other = make(1, 1)
    payload = made.kit.payload
    check = qr.Check(made.manifest.deposit, payload.custody, bytes(16)).text
    damaged = qr.SHARE_PREFIX + b64url(payload.data[:-3])
    contents: dict[str, bytes] = {
        "kit.json": made.kit.data,
        "kit again.json": made.kit.data,
        "card.json": made.cards[0].data,
        "card.txt": qr.share_text(made.cards[0].payload).encode(),
        "kit words.txt": payload.words.encode(),
        "provider.txt": qr.share_text(made.provider).encode(),
        "other card.json": other.cards[0].data,
        "other words.txt": other.cards[0].payload.words.encode(),
        "envelope.age": made.envelope,
        "other.age": other.envelope,
        "envelope.txt": (qr.envelope_text(made.envelope) or "").encode(),
        "check.txt": check.encode(),
        "damaged.txt": damaged.encode(),
        "cut.json": made.kit.data[:-2],
        "other contact.json": made.kit.data.replace(b"contact0@", b"contact9@"),
        "few words.txt": b"academic acid",
        "wrong words.txt": " ".join(["academic"] * 33).encode(),
    }

    def write(name: str) -> Path:
        path = tmp_path / name
        path.write_bytes(contents[name])
        return path

    return write


@pytest.mark.parametrize("context", [PHONE_NL], indirect=True)
def test_kit_file_and_card_file_give_the_key_and_leave_nothing(
    page: Offline, files: Callable[[str], Path], made: Made
) -> None:
    secret = made.secret.decode()
    shares = [piece.payload.share().value for piece in (made.kit, made.cards[0])]
    in_file = b64url(made.kit.payload.data).encode()
    secrets = (in_file, made.kit.payload.words.encode(), *shares, made.recovery_key, made.secret)
    page.give(files("kit.json"))
    assert page.arrays_with(in_file, *shares) == [0, 1, 0]
    assert page.pieces() == 1
    assert not page.is_too_wide()
    page.give(files("card.json"))
    page.heading("Uw sleutel is terug")
    assert "“Laptop backup” van donderdag 26 november 2026" in page.page.inner_text("main")
    assert secret.strip() not in page.page.content()
    assert page.arrays_with(*secrets) == [0, 0, 0, 0, 0, 1]
    page.button("Laat hem zien").click()
    assert page.page.locator("#secret").text_content() == secret
    page.button("Toon hem als code voor een ander apparaat").click()
    drawn = page.page.screenshot(full_page=True)
    assert [code.text for code in read_codes(drawn)] == [secret]
    with page.page.expect_download() as download:
        page.button("Als bestand opslaan").click()
    assert Path(download.value.path()).read_bytes() == made.secret
    assert not page.is_too_wide()
    assert secret.strip() not in page.page.url + page.page.title()
    page.button("Wis alles").click()
    page.page.get_by_role("status").filter(has_text="Alles is gewist").wait_for()
    assert secret.strip() not in page.page.content()
    assert page.arrays_with(*secrets) == [0] * len(secrets)


def read_codes(png: bytes) -> list[zxingcpp.Barcode]:
    from io import BytesIO

    import numpy as np

    image = np.asarray(Image.open(BytesIO(png)).convert("L"))
    return list(zxingcpp.read_barcodes(image, formats=zxingcpp.BarcodeFormat.QRCode))


@pytest.mark.parametrize(
    "given",
    [
        ("kit.json", "provider.txt"),
        ("provider.txt", "kit words.txt", "envelope.txt"),
        ("envelope.age", "card.txt", "provider.txt"),
        ("card.json", "kit words.txt", "kit.json"),
    ],
)
def test_every_form_of_a_piece_opens(
    page: Offline, files: Callable[[str], Path], made: Made, given: tuple[str, ...]
) -> None:
    for name in given:
        page.give(files(name))
    page.heading("Your key is back")
    page.button("Show it").click()
    assert page.page.locator("#secret").text_content() == made.secret.decode()
    genuine = page.page.get_by_text("pieces, signature and envelope are genuine")
    # The kit file as the third brings the envelope; the card file describes the deposit already.
    assert genuine.is_visible() == ({"kit.json", "card.json"} & set(given) != set())


@pytest.mark.parametrize(
    "given",
    [
        ("envelope.txt", "other.age", "kit words.txt", "card.txt"),
        ("other.age", "envelope.txt", "kit words.txt", "card.json"),
        ("kit.json", "other.age", "card.json"),
        ("other.age", "kit words.txt", "card.json", "envelope.age"),
    ],
)
def test_the_envelope_of_another_kit_throws_the_right_one_out_in_no_order(
    page: Offline, files: Callable[[str], Path], made: Made, given: tuple[str, ...]
) -> None:
    for name in given:
        page.give(files(name))
    page.heading("Your key is back")
    page.button("Show it").click()
    assert page.page.locator("#secret").text_content() == made.secret.decode()


def test_two_of_three_contacts_are_asked_for(page: Offline, tmp_path: Path) -> None:
    made = make(2, 3, secret=b"\x00binary\xff")
    paths = []
    for name, piece in (("kit", made.kit), ("one", made.cards[0]), ("two", made.cards[2])):
        paths.append(tmp_path / f"{name}.escrow.json")
        paths[-1].write_bytes(piece.data)
    page.give(paths[0])
    page.give(paths[1])
    page.page.get_by_text("Of the contacts’ cards, 1 of 2 are here.").wait_for()
    page.give(paths[2])
    page.heading("Your key is back")
    assert not page.button("Show it").is_visible()  # it is no text
    with page.page.expect_download() as download:
        page.button("Save it as a file").click()
    assert Path(download.value.path()).read_bytes() == made.secret


# What is refused, as `escrow combine` refuses it

REFUSED = [
    ("kit.json", "other card.json"),
    ("kit.json", "other words.txt"),
    ("card.txt", "other words.txt"),
    ("kit.json", "kit again.json"),
    ("kit.json", "check.txt"),
    ("kit.json", "damaged.txt"),
    ("cut.json",),
    ("other contact.json",),
    ("few words.txt",),
    ("wrong words.txt",),
    ("kit words.txt", "card.json", "other.age"),
    ("kit words.txt", "card.txt", "other.age"),
    ("kit words.txt", "card.txt", "check.txt"),
    ("kit.json", "card.json", "provider.txt"),
]


def said_by_the_cli(paths: list[Path]) -> tuple[str, str]:
    """Return the piece that `escrow combine` names, and its sentence."""
    *first, last = paths
    pieces, envelope = [], None
    try:
        for path in first:
            pieces.append(cli_offline.piece_of_file(path.name, path.read_bytes()))
        if len(first) == 2 and not any(piece.envelope for piece in pieces):
            with cli_offline.naming(last.name):
                envelope = cli_offline.envelope_of_file(last.read_bytes())
        else:
            pieces.append(cli_offline.piece_of_file(last.name, last.read_bytes()))
        cli_offline.combine(pieces, envelope)
    except ProtocolError as error:
        cause = error.cause if isinstance(error, BadPiece) else error
        sentence = _MORE_SENTENCES.get(cause.code) or SENTENCES[cause.code]
        assert not isinstance(cause, BadShare) or cause.code != "missing_share"
        return error.piece if isinstance(error, BadPiece) else "", sentence
    raise AssertionError("not refused")


def test_refusals_are_those_of_combine_and_cost_only_what_was_wrong(
    page: Offline, files: Callable[[str], Path]
) -> None:
    for given in REFUSED:
        paths = [files(name) for name in given]
        piece, sentence = said_by_the_cli(paths)
        page.page.reload()
        if given[-1] == "provider.txt":  # one too many: only possible when all are given at once
            page.give(*paths)
        else:
            for path in paths:
                page.give(path)
        assert page.problem.startswith(f"{piece}: {sentence}" if piece else sentence), given
        assert page.pieces() == len(given) - 1, given


def test_the_sentences_are_those_of_combine() -> None:
    text = PAGE.read_text("utf-8")
    english = text[text.index('data-language="en"') : text.index('data-language="nl"')]
    said = dict(re.findall(r'data-say="([a-z_]+)">([^<]*)<', english))
    for code, sentence in (SENTENCES | _MORE_SENTENCES).items():
        if code in said:
            assert said[code].replace("&#39;", "'") == sentence, code
    assert {"wrong_deposit", "duplicate_share", "wrong_envelope", "wrong_checksum"} <= said.keys()


def test_a_piece_can_be_removed_and_another_given(
    page: Offline, files: Callable[[str], Path]
) -> None:
    page.give(files("other card.json"))
    page.give(files("kit.json"))
    assert "kit.json: This piece belongs to another deposit." in page.problem
    page.button("Remove: A contact’s card").click()
    page.give(files("kit.json"))
    page.give(files("card.json"))
    page.heading("Your key is back")


# Words


def wrong_word(words: list[str]) -> list[str]:
    return [*words[:6], "academic" if words[6] != "academic" else "acid", *words[7:]]


def test_words_are_typed_by_keyboard_alone_and_a_wrong_one_is_named(
    page: Offline, made: Made, files: Callable[[str], Path]
) -> None:
    words, keyboard = made.kit.payload.words.split(), page.page.keyboard
    page.button("Type the words").focus()
    keyboard.press("Enter")
    keyboard.type("".join(f"{word[:4]} " for word in wrong_word(words)))
    fields = page.page.locator("[data-words] input")
    assert fields.evaluate_all("(all) => all.map((e) => e.value)") == wrong_word(words)
    keyboard.press("Tab")
    keyboard.type(" ".join(re.findall("....", made.kit.payload.custody)).upper())
    keyboard.press("Tab")
    keyboard.type(grouped(made.manifest.code()))
    keyboard.press("Enter")
    assert "It is word 7." in page.problem
    assert fields.nth(6).get_attribute("aria-invalid") == "true"
    assert fields.evaluate_all("(all) => all.map((e) => e.value)") == wrong_word(words)
    # A word that is none: proposals, one of them chosen with the keyboard.
    fields.nth(6).focus()
    keyboard.press("Control+A")
    slip = f"{words[6][:-1]}{'q' if words[6][-1] != 'q' else 'x'}"
    keyboard.type(f"{slip} ")
    proposals = page.page.locator("#word-7-wrong")
    assert f"Word 7: is it {words[6]}" in proposals.inner_text()
    proposals.get_by_role("button", name=words[6]).press("Enter")
    assert fields.nth(6).input_value() == words[6]
    page.button("Use these words").press("Enter")
    page.page.get_by_role("status").filter(has_text="Your kit: it fits.").wait_for()
    # The other piece pasted, from a paper whose numbers cannot be read.
    page.button("Type the words").press("Enter")
    others = made.cards[0].payload.words.split()
    numbered = "\n".join(f"{number} {word}" for number, word in enumerate(others, 1))
    fields.first.evaluate(
        """(field, text) => {
          const clipboardData = new DataTransfer();
          clipboardData.setData("text", text);
          field.dispatchEvent(new ClipboardEvent("paste", { clipboardData, cancelable: true }));
        }""",
        numbered,
    )
    page.button("Use these words").press("Enter")
    page.heading("Your key, encrypted")
    text = page.page.get_by_label("The text of the code “Your key, encrypted”")
    text.fill("escrow1e:!")
    page.button("Use this text").press("Enter")
    assert page.problem.startswith("This is not a code of this kind.")
    assert text.input_value() == "escrow1e:!"
    text.fill(qr.envelope_text(made.envelope) or "")
    page.button("Use this text").press("Enter")
    page.heading("Your key is back")
    assert "More could not be checked" in page.page.inner_text("main")


def test_the_language_is_switched_and_nothing_typed_is_lost(
    page: Offline, files: Callable[[str], Path]
) -> None:
    page.give(files("kit.json"))
    page.button("Type the words").click()
    page.page.keyboard.type("acad acid aca")
    page.page.get_by_label("Number of the piece").fill("12ab")
    page.button("Nederlands").click()
    assert page.page.get_attribute("html", "lang") == "nl"
    page.heading("De 33 woorden")
    fields = page.page.locator("[data-words] input")
    assert [fields.nth(i).input_value() for i in range(4)] == ["academic", "acid", "aca", ""]
    assert page.page.get_by_label("Deelnummer").input_value() == "12ab"
    assert page.pieces() == 1
    page.button("Gebruik deze woorden").click()
    assert "Woord 4 is nog leeg." in page.page.locator("#word-4-wrong").inner_text()


# Papers


def save(image: Image.Image, path: Path) -> Path:
    image.save(path)
    return path


def test_photos_of_the_papers_are_read(page: Offline, made: Made, tmp_path: Path) -> None:
    kit, card = kit_of(made), card_of(made)
    blank = save(Image.new("RGB", (400, 300), "white"), tmp_path / "blank.png")
    page.give(blank)
    assert page.problem.startswith("blank.png: No code was found in this picture.")
    broken = tmp_path / "broken.png"
    broken.write_bytes(blank.read_bytes()[:40])
    page.give(broken)
    assert page.problem.startswith("broken.png: This file cannot be read.")
    front = picture(kit)
    folded = front.crop((0, round(front.height * 0.75), front.width, front.height))
    page.give(save(folded, tmp_path / "folded.png"))
    assert page.problem.startswith("folded.png: This is the check code.")
    printed = tmp_path / "kit.pdf"
    printed.write_bytes(kit)
    page.give(printed)
    assert page.problem.startswith("kit.pdf: This is the PDF")
    page.give(save(front, tmp_path / "kit.jpg"))
    assert page.status == "Your kit: it fits."
    page.give(save(picture(card).rotate(7, expand=True, fillcolor="#888"), tmp_path / "card.jpg"))
    page.heading("Your key, encrypted")
    pages = [picture(kit, number) for number in range(1, 3)]
    page.give(*[save(image, tmp_path / f"{i}.png") for i, image in enumerate(pages[:1])])
    page.heading("Your key is back")


@pytest.fixture(scope="module")
def seeing(
    browser: Browser, made: Made, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Browser]:
    """A second browser: what its camera sees has to be said when it starts."""
    path = tmp_path_factory.mktemp("film") / "papers.mjpeg"
    kit, card = kit_of(made), card_of(made)
    film([view(kit, "escrow1s:"), view(kit, "escrow1e:"), view(card, "escrow1s:")], path)
    with chromium.with_camera(browser, path) as found:
        yield found


def view(pdf: bytes, prefix: str) -> Image.Image:
    """Hold the part of a paper before the camera where a code is; others may be seen beside it."""
    for number in range(3):
        paper = picture(pdf, number)
        for code in zxingcpp.read_barcodes(paper):
            if code.text.startswith(prefix):
                middle, height = code.position.top_left.y, paper.width * 3 // 4
                top = max(0, min(middle - height // 4, paper.height - height))
                return paper.crop((0, top, paper.width, top + height))
    raise AssertionError(f"no {prefix} on the paper")


def test_the_camera_reads_kit_and_card_one_after_the_other(seeing: Browser, made: Made) -> None:
    context = seeing.new_context(viewport={"width": 390, "height": 844})
    context.set_default_timeout(20_000)
    page = Offline(context)
    page.button("Scan the code with the camera").click()
    page.heading("Piece 2")  # whichever paper was seen first, with or without the envelope
    page.button("Scan the code with the camera").click()
    either = page.page.get_by_role("heading", name=re.compile("Your key"))
    either.first.wait_for()
    if page.page.get_by_role("heading", name="Your key, encrypted").is_visible():
        page.button("Scan the code with the camera").click()
    page.heading("Your key is back")
    page.button("Show it").click()
    assert page.page.locator("#secret").text_content() == made.secret.decode()
    page.check()
    context.close()


def test_without_a_camera_the_other_ways_stay(page: Offline) -> None:
    page.button("Scan the code with the camera").click()
    assert re.match("No camera was found|The camera may not be used", page.problem)
    assert page.button("Type the words").is_visible()


# The file


def test_the_page_can_neither_ask_nor_send(context: BrowserContext) -> None:
    page = Offline(context)
    failed = page.page.evaluate("""async () => {
      const image = new Image();
      const loads = new Promise((done) => { image.onload = image.onerror = (e) => done(e.type); });
      image.src = "https://elsewhere.test/i.png";
      const fetched = await fetch("https://elsewhere.test/").then(() => "", (e) => e.name);
      const beacon = navigator.sendBeacon("https://elsewhere.test/", "x");
      let made = "";
      try { document.body.innerHTML = "<b>x</b>"; } catch (e) { made = e.name; }
      return [fetched, await loads, made, new Set(violations).size > 1, beacon];
    }""")
    assert failed[:4] == ["TypeError", "error", "TypeError", True]
    assert not [line for line in page.errors if "a request left" in line]


@pytest.mark.parametrize("context", [NOTHING], indirect=True)
def test_without_javascript_the_file_says_so_in_both_languages(context: BrowserContext) -> None:
    page = context.new_page()
    page.goto(PAGE.as_uri())
    assert "needs JavaScript" in page.inner_text("body")
    assert "heeft JavaScript nodig" in page.inner_text("body")


def test_it_is_served_as_it_was_listed(
    sqlite_database: Database, tmp_path: Path, mail_server: Mailbox
) -> None:
    app = World.make(sqlite_database, tmp_path, mail_server, demo=True).app
    app.test_client_class = Client
    client = app.test_client()
    answer = client.get("/offline.html")
    assert answer.data == PAGE.read_bytes()
    assert answer.headers["Content-Disposition"] == 'attachment; filename="offline.html"'
    said = answer.headers["Content-Security-Policy"]
    meta = re.search(r'Content-Security-Policy" content="([^"]*)"', PAGE.read_text("utf-8"))
    assert meta is not None
    assert said == meta[1].replace("&#39;", "'") + "; frame-ancestors 'none'; sandbox"
    listing = json.loads(client.get("/.well-known/escrow.json").data)
    [line] = [line for line in listing["files"] if line["path"] == "/offline.html"]
    assert line["sha256"] == sha256(answer.data).hexdigest()
    assert client.get("/assets/offline.html").status_code == 404
    assert 'href="/offline.html"' in client.get("/").text


def test_one_file_small_enough_to_keep() -> None:
    data = PAGE.read_bytes()
    assert len(data) <= 280 * 1024
    text = data.decode()
    assert not re.search(r"""(?:src|href)=["'](?!#)""", text[: text.index("<script>")])
    assert text.count("<script") == text.count("<style") == 1


def test_the_kit_says_where_it_is(made: Made) -> None:
    from tests.cli.test_paper import flat

    assert "recovery.example/offline.html" in flat(kit_of(made))
