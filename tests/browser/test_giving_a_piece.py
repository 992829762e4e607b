"""The three ways of giving a kit or a card to a page: camera, photo, typed words."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, expect

from escrow.protocol import qr
from escrow.protocol.share import Payload
from tests.browser.conftest import Watched
from tests.browser.offline import film
from tests.browser.test_contact_page import Helper
from tests.browser.test_recover_page import Loser
from tests.support import chromium
from tests.support.people import Contact, Customer, Deposited
from tests.support.world import World

segno = pytest.importorskip("segno")


@pytest.fixture
def customer(site: World) -> Customer:
    return site.customer()


@pytest.fixture
def enrolled(site: World, customer: Customer) -> tuple[Deposited, list[Contact]]:
    return site.enrol(customer, label="Laptop backup")


@pytest.fixture
def helper(site: World, watched: Watched, enrolled: tuple[Deposited, list[Contact]]) -> Helper:
    made, [contact] = enrolled
    found = Helper(site, watched.page, made, contact)
    found.open()
    return found


def photo(*texts: str, scale: int = 4) -> Image.Image:
    """Draw codes as a paper has them: side by side, with white around."""
    drawn = []
    for text in texts:
        data = BytesIO()
        segno.make(text, error="m", micro=False).save(data, kind="png", scale=scale, border=4)
        drawn.append(Image.open(data).convert("RGB"))
    paper = Image.new(
        "RGB", (sum(d.width for d in drawn) + 40, max(d.height for d in drawn) + 40), "white"
    )
    left = 20
    for code in drawn:
        paper.paste(code, (left, 20))
        left += code.width
    return paper


def save(image: Image.Image, path: Path) -> Path:
    image.save(path)
    return path


def card_codes(helper: Helper) -> tuple[str, str]:
    payload = helper.contact.payload
    assert payload is not None
    check = qr.Check(payload.deposit, payload.custody, bytes(16))
    return qr.share_text(payload), check.text


def test_a_photo_of_the_card_is_enough(helper: Helper, tmp_path: Path) -> None:
    share, check = card_codes(helper)
    turned = photo(share, check).rotate(4, expand=True, fillcolor="#777")
    helper.page.set_input_files("#card-file", save(turned, tmp_path / "card.jpg"))
    helper.send()
    helper.at("menu")


def test_a_picture_without_the_code_of_a_piece_says_what_to_do(
    helper: Helper, tmp_path: Path
) -> None:
    _, check = card_codes(helper)
    cases = {
        save(
            Image.new("RGB", (300, 300), "white"), tmp_path / "white.png"
        ): "There is no code in this",
        save(photo("https://example.test/"), tmp_path / "other.png"): "There is no code in this",
        save(photo(check), tmp_path / "check.png"): "The code that is needed is not sharp",
    }
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(40))
    cases[broken] = "This picture cannot be read"
    for path, sentence in cases.items():
        helper.page.set_input_files("#card-file", path)
        helper.send()
        helper.said(sentence)
        helper.at("piece")


def test_another_persons_card_in_a_photo_is_refused(
    helper: Helper, site: World, customer: Customer, tmp_path: Path
) -> None:
    _, [stranger] = site.enrol(customer)
    assert stranger.payload is not None
    path = save(photo(qr.share_text(stranger.payload)), tmp_path / "other.png")
    helper.page.set_input_files("#card-file", path)
    helper.send()
    helper.said("This card belongs to another key")


def test_four_letters_complete_a_word_and_a_wrong_one_is_marked_at_once(helper: Helper) -> None:
    page = helper.page
    page.locator('[data-step="piece"] summary').click()
    first = page.locator("#card-word-1")
    first.press_sequentially("acad")
    expect(first).to_have_value("academic")
    first.press("Space")
    second = page.locator("#card-word-2")
    expect(second).to_be_focused()
    second.press_sequentially("acidd")
    second.press("Tab")
    note = page.locator("#card-word-2-wrong")
    expect(note).to_contain_text("Word 2: is it")
    note.get_by_role("button", name="acid", exact=True).click()
    expect(second).to_have_value("acid")
    expect(note).to_have_count(0)
    helper.send()
    helper.said("Words are missing")
    expect(page.locator("#card-word-3")).to_be_focused()
    expect(first).to_have_value("academic")


def test_words_are_gone_from_the_page_when_it_is_left(helper: Helper) -> None:
    page = helper.page
    page.locator('[data-step="piece"] summary').click()
    page.fill("#card-word-1", "academic acid acne")
    expect(page.locator("#card-word-3")).to_have_value("acne")
    page.evaluate("dispatchEvent(new PageTransitionEvent('pagehide'))")
    typed = page.locator("[data-words] input").evaluate_all("all => all.map(f => f.value).join('')")
    assert typed == ""


# The camera


@pytest.fixture
def seeing(
    browser: Browser, enrolled: tuple[Deposited, list[Contact]], tmp_path: Path
) -> Iterator[BrowserContext]:
    """A browser whose camera sees the kit: what it sees has to be said when it starts."""
    made, _ = enrolled
    path = tmp_path / "paper.mjpeg"
    film([Image.new("RGB", (640, 480), "white"), paper_of(made.payloads[0])], path)
    with chromium.with_camera(browser, path) as started:
        context = started.new_context(viewport={"width": 390, "height": 844})
        context.set_default_timeout(20_000)
        yield context


def paper_of(payload: Payload) -> Image.Image:
    paper = Image.new("RGB", (1280, 960), "white")
    paper.paste(
        photo(qr.share_text(payload), scale=6), (100, 150)
    )  # its upper and lower edge are cut off
    return paper


def test_the_camera_reads_the_kit_and_the_key_is_back(
    site: World,
    seeing: BrowserContext,
    customer: Customer,
    enrolled: tuple[Deposited, list[Contact]],
) -> None:
    made, _ = enrolled
    site.ready_recovery(customer, made)
    watched = Watched(seeing.new_page())
    loser = Loser(site, watched.page, customer)
    loser.sign_in()
    loser.begin()
    loser.page.locator('[data-step="pieces"] [data-camera]').click()
    assert loser.secret().encode() == made.secret
    playing = loser.page.evaluate(
        "[...document.querySelectorAll('video')].filter(v => v.srcObject !== null).length"
    )
    assert playing == 0, "the camera is off"
    assert watched.errors == []


def test_a_camera_that_is_not_allowed_leaves_the_other_ways(helper: Helper) -> None:
    helper.page.locator('[data-step="piece"] [data-camera]').click()
    helper.said("No camera was found|does not allow the camera")
    assert helper.page.locator('[data-step="piece"] [data-camera]').is_visible()
    assert helper.page.locator('[data-step="piece"] video').is_hidden()


def test_other_pages_get_no_camera(site: World, watched: Watched) -> None:
    def may() -> bool:
        return bool(watched.page.evaluate("document.featurePolicy.allowsFeature('camera')"))

    watched.page.goto(f"{site.settings.public_url}/enrol")
    assert not may()
    watched.page.goto(f"{site.settings.public_url}/recover")
    assert may()
