"""Keeping something safe, clicked through in a real browser; what it made, others read."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import zxingcpp
from PIL import Image
from playwright.sync_api import Page, Route, expect
from sqlalchemy import select

from escrow.deposit.models import Deposit
from escrow.other_programs import OPEN_ENVELOPE, SCRIPT, WORDS_TO_HEX
from escrow.protocol import envelope, keys, slip39
from escrow.protocol.kit import Kit
from escrow.protocol.qr import InvitationLink
from tests.browser.conftest import Watched
from tests.browser.offline import photograph, picture
from tests.browser.seeing import Eye
from tests.browser.walks import Visitor
from tests.support.people import Contact, Customer
from tests.support.world import World

SECRET = "correct horse battery staple, and more"
ANNA = ("Anna de Vries", "anna@contact.test")


@dataclass
class Keeper:
    """A customer who keeps something safe, in front of the page."""

    site: World
    page: Page
    customer: Customer

    def open(self, path: str = "/enrol") -> None:
        self.page.clock.set_system_time(self.site.clock.now())
        self.page.goto(self.site.settings.public_url + path)

    def begin(self) -> None:
        """Sign in, and come back to the page that sent her there."""
        self.open()
        self.page.locator('a[href="/sign-in?next=/enrol"]').click()
        visitor = Visitor(self.site, self.page, Eye(self.page, "en"), self.customer)
        visitor.at_step("address")
        self.page.fill("#address", self.customer.address)
        self.send()
        self.at("code")
        self.page.fill("#code", self.site.mailbox.code(self.customer.address, "login_code"))
        self.send()
        self.at("app")
        self.page.fill("#app-code", self.customer.totp())
        self.send()
        self.page.wait_for_url("**/enrol")
        self.at("label")

    def at(self, step: str) -> None:
        self.page.locator(f'[data-step="{step}"]').wait_for()

    def send(self) -> None:
        self.page.locator("form:visible button[type=submit]:visible").click()

    def decide(self, *contacts: tuple[str, str], secret: str = SECRET) -> None:
        """Answer every question up to the last."""
        self.page.fill("#label", "Laptop backup")
        self.send()
        self.at("secret")
        self.page.fill("#secret", secret)
        self.send()
        self.at("contacts")
        self.name(*contacts)
        self.send()
        self.at("wait")
        longer = re.compile("seven days more|zeven dagen langer")
        expect(self.page.get_by_text(longer)).to_be_visible()
        self.send()
        self.at("make")

    def name(self, *contacts: tuple[str, str]) -> None:
        self.page.check(f'[name="count"][value="{len(contacts)}"]')
        for i, (name, address) in enumerate(contacts):
            self.page.fill(f"#name-{i}", name)
            self.page.fill(f"#address-{i}", address)

    def cut(self) -> None:
        with self.page.expect_response(re.compile(r"/deposits/[0-9a-f]{32}$")) as stored:
            self.send()
        assert stored.value.status in {200, 201}
        self.site.run()
        self.at("kit")

    def save_kit(self, folder: Path) -> Kit:
        with self.page.expect_download() as download:
            self.page.locator('[data-act="save"]').click()
        assert download.value.suggested_filename == "kit.escrow.json"
        path = folder / "kit.escrow.json"
        download.value.save_as(path)
        return Kit.parse(path.read_bytes())

    def confirm(self, digits: str) -> None:
        self.page.fill("#kit-digits", digits)
        self.send()

    def alert(self, pattern: str) -> None:
        self.page.locator("[role=alert]:visible").filter(has_text=re.compile(pattern)).wait_for()


@pytest.fixture(autouse=True)
def cheap_invitations() -> None:
    """Stretch passwords as they are: the page does, and the contact must agree with it."""


@pytest.fixture
def customer(site: World) -> Customer:
    return site.customer()


@pytest.fixture
def keeper(site: World, watched: Watched, customer: Customer) -> Keeper:
    return Keeper(site, watched.page, customer)


def deposits(site: World) -> list[tuple[str, str]]:
    with site.database.reading() as db:
        return [(row.id, row.state) for row in db.scalars(select(Deposit))]


def test_from_the_question_to_a_key_that_contact_and_kit_bring_back(
    site: World, keeper: Keeper, tmp_path: Path, watched: Watched
) -> None:
    page = keeper.page
    keeper.begin()
    keeper.decide(ANNA)
    keeper.cut()
    kit = keeper.save_kit(tmp_path)
    assert kit.manifest.label == "Laptop backup"
    assert [(each.name, each.address) for each in kit.contacts] == [ANNA]
    keeper.confirm("0000" if kit.manifest.code()[-4:] != "0000" else "1111")
    keeper.alert("not the digits")
    keeper.confirm(kit.manifest.code()[-4:])
    keeper.at("invite")
    link = InvitationLink.parse(page.locator("#invitation-link").inner_text())
    digits = page.locator("#invitation-digits").inner_text()
    draft = page.locator("[data-draft]").get_attribute("href") or ""
    assert digits not in draft
    assert digits.replace(" ", "") not in draft
    keeper.send()
    keeper.at("done")
    site.run()
    anna = Contact(site.http(), *ANNA, custody=link.custody, link=link.password(digits))
    site.accept(anna)
    site.run()
    assert deposits(site) == [(kit.manifest.deposit, "complete")]
    assert anna.payload is not None
    key = slip39.combine([kit.payload.words, anna.payload.words])
    assert envelope.open(kit.envelope, key).decode() == SECRET
    assert words_are_gone(page)
    assert all(url.startswith((site.settings.public_url, "blob:")) for url in watched.requests)
    assert page.evaluate("[localStorage.length, sessionStorage.length]") == [0, 0]


def test_what_was_chosen_before_is_proposed_for_the_key_in_its_place(
    site: World, keeper: Keeper, customer: Customer
) -> None:
    made, contacts = site.enrol(customer, 2, 3, label="Books", waiting_seconds=7 * 86400)
    contacts[1].http.post(f"/custodies/{contacts[1].custody}/decline").ok()
    site.run()
    keeper.begin()
    keeper.open(f"/enrol?replaces={made.deposit}")
    page = keeper.page
    keeper.at("label")
    assert page.input_value("#label") == "Books"
    keeper.send()
    keeper.at("secret")
    page.fill("#secret", SECRET)
    keeper.send()
    keeper.at("contacts")
    assert page.is_checked('[name="count"][value="3"]')
    names = [page.input_value(f"#name-{i}") for i in range(3)]
    assert names == ["Contact 0", "Contact 2", ""]
    assert page.input_value("#address-1") == contacts[2].address
    expect(page.locator('[data-if="before"]')).to_contain_text("No longer with a piece: Contact 1.")
    page.fill("#name-2", ANNA[0])
    page.fill("#address-2", ANNA[1])
    keeper.send()
    keeper.at("wait")
    assert page.is_checked('[name="days"][value="7"]')
    keeper.send()
    keeper.at("make")
    keeper.cut()
    site.run()
    with site.database.reading() as db:
        [new] = db.scalars(select(Deposit).where(Deposit.replaces == made.deposit))
        assert (new.kind, new.state) == ("real", "pending")


def words_are_gone(page: Page) -> bool:
    """Tell whether nothing of kit or key is left in the document."""
    content = page.content()
    on_paper = page.locator('[data-print-list="words"] li').count()
    return SECRET not in content and not on_paper


def test_the_printed_kit_has_its_words_and_codes_on_a4_and_letter(
    keeper: Keeper, tmp_path: Path
) -> None:
    import pypdfium2

    keeper.begin()
    keeper.decide(ANNA)
    keeper.cut()
    kit = keeper.save_kit(tmp_path)
    for size in ("A4", "Letter"):
        document = pypdfium2.PdfDocument(keeper.page.pdf(format=size, prefer_css_page_size=False))
        pages = [document[i] for i in range(len(document))]
        text = "\n".join(page.get_textpage().get_text_range() for page in pages)
        assert set(kit.payload.words.split()) <= set(re.findall("[a-z]+", text))
        assert "We never call you" not in text  # the page around it is not printed
        assert len(pages) <= 4
        # What stands on the command line's paper stands here too: the picture's words, and the way
        # with other people's programs.
        said = re.sub(r"\s+", " ", text)
        wanted = [*facts_on_paper(kit), *SCRIPT.split("\n"), *WORDS_TO_HEX, *OPEN_ENVELOPE]
        lacking = [each for each in wanted if re.sub(r"\s+", "", each) not in said.replace(" ", "")]
        assert lacking == []
        images: list[Image.Image] = [page.render(scale=150 / 72).to_pil() for page in pages]
        found = {code.text for image in images for code in zxingcpp.read_barcodes(image)}
        kinds = sorted(text.split(":")[0].split("/")[-1] for text in found)
        assert len(found) >= 3, (size, kinds)


@pytest.mark.parametrize("size", ["A4", "Letter"])
def test_a_photo_of_the_whole_printed_page_shows_the_kit(
    keeper: Keeper, tmp_path: Path, size: str
) -> None:
    keeper.begin()
    keeper.decide()
    keeper.cut()
    kit = keeper.save_kit(tmp_path)
    pdf = keeper.page.pdf(format=size, prefer_css_page_size=False)
    keeper.confirm(kit.manifest.code()[-4:])
    keeper.at("done")
    keeper.site.run()
    keeper.open(f"/deposits/{kit.manifest.deposit}")
    page = keeper.page
    page.locator("[data-kit] > summary").click()
    page.locator("[data-whole] button[type=submit]").wait_for()
    photo = photograph(picture(pdf, 0, dpi=300))
    name = {"name": "IMG_0001.jpg", "mimeType": "image/jpeg"}
    page.set_input_files("#kit-file", {**name, "buffer": photo})
    page.locator("[data-whole] button[type=submit]").click()
    page.locator("[role=status]:visible").filter(has_text="your kit is there").wait_for()


def facts_on_paper(kit: Kit) -> list[str]:
    """Return what the command line's kit says of this deposit, item by item."""
    manifest = kit.manifest
    seed = keys.check_seed(kit.payload.share().value, manifest.deposit, kit.payload.custody)
    return [
        "Your kit",
        manifest.label,
        "You: this paper",
        ", ".join(ANNA),
        "Any two of these three open it.",
        kit.payload.custody,
        manifest.code(),
        manifest.deposit,
        keys.check_code(seed),
        "Do this now",
        "Never do this",
        "Lost your key? How to get it back",
        "Wait 3 days.",
        "Who has the other pieces",
        "Your key, encrypted",
        "no longer exists",
        "With other people’s programs",
        manifest.code()[-4:],
    ]


def test_ones_own_address_is_no_contact_and_nobody_is_one_way_back(
    site: World, keeper: Keeper, customer: Customer
) -> None:
    keeper.begin()
    keeper.page.fill("#label", "Laptop backup")
    keeper.send()
    keeper.at("secret")
    keeper.page.fill("#secret", SECRET)
    keeper.send()
    keeper.at("contacts")
    keeper.name(("Me", customer.address.upper()))
    keeper.send()
    keeper.alert("your own address")
    keeper.name(("Anna", ANNA[1]), ("Bert", ANNA[1]), ("Carla", "carla@contact.test"))
    keeper.send()
    keeper.alert("same address")
    keeper.name()
    keeper.page.get_by_text("one way back only").first.wait_for()
    assert deposits(site) == []


def test_a_broken_line_loses_nothing_and_stores_it_once(
    site: World, keeper: Keeper, tmp_path: Path
) -> None:
    keeper.begin()
    keeper.decide(ANNA)
    failing = {"left": 1}

    def busy(route: Route) -> None:
        if failing["left"] and route.request.method == "PUT":
            failing["left"] -= 1
            route.fulfill(status=400, json={"code": "malformed", "field": "contacts"})
        else:
            route.continue_()

    keeper.page.route("**/api/v1/deposits/*", busy)
    keeper.send()
    keeper.page.locator("[role=alert]:visible > *").filter(has_text=".").wait_for()
    assert deposits(site) == []
    keeper.cut()
    kit = keeper.save_kit(tmp_path)
    assert [identifier for identifier, _ in deposits(site)] == [kit.manifest.deposit]


def test_a_reload_before_it_is_cut_leaves_nothing_at_the_service(
    site: World, keeper: Keeper
) -> None:
    keeper.begin()
    keeper.decide(ANNA)
    keeper.page.reload()
    keeper.at("label")
    assert keeper.page.input_value("#secret") == ""
    assert SECRET not in keeper.page.content()
    assert deposits(site) == []


def test_an_empty_field_is_not_said_to_be_copied(keeper: Keeper) -> None:
    keeper.begin()
    keeper.page.fill("#label", "Laptop backup")
    keeper.send()
    keeper.at("secret")
    button = keeper.page.locator("[data-copies='#secret']")
    button.click()
    expect(button).to_have_text("Nothing to copy yet")


def test_a_made_password_is_strong_and_a_file_is_kept_to_the_byte(
    site: World, keeper: Keeper, tmp_path: Path
) -> None:
    page = keeper.page
    keeper.begin()
    page.fill("#label", "Server")
    keeper.send()
    keeper.at("secret")
    page.locator('[data-act="password"]').click()
    made = page.input_value("#secret")
    assert re.fullmatch(r"([0-9a-hjkmnp-tv-z]{5}-){7}[0-9a-hjkmnp-tv-z]{5}", made)
    data = bytes(range(256))
    file: Any = {"name": "key.bin", "mimeType": "application/octet-stream", "buffer": data}
    page.set_input_files("#secret-file", file)
    keeper.send()
    keeper.alert("Take one of them away")
    page.fill("#secret", "")
    keeper.send()
    keeper.at("contacts")
    keeper.name()
    keeper.send()
    keeper.at("wait")
    keeper.send()
    keeper.at("make")
    keeper.cut()
    kit = keeper.save_kit(tmp_path)
    keeper.confirm(kit.manifest.code()[-4:])
    keeper.at("done")
    expect(page.locator("[data-if=alone]").last).to_be_visible()
    site.run()
    recovery = site.ready_recovery(keeper.customer, as_deposited(kit))
    session = site.begin(keeper.customer, as_deposited(kit), recovery)
    [line] = session.releases()
    key = slip39.combine([kit.payload.words, session.open(line).words])
    assert envelope.open(kit.envelope, key) == data


def as_deposited(kit: Kit) -> Any:
    """Return the kit as the helpers of these tests know a deposit."""
    from types import SimpleNamespace

    return SimpleNamespace(deposit=kit.manifest.deposit, manifest=kit.manifest)
