"""What pages say and carry, in both languages, without a browser."""

import gzip
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from escrow import assets
from escrow.app import EscrowApp, create_app
from escrow.config import UNNAMED, Settings
from escrow.db import Database
from escrow.mail import letter
from escrow.pages import HELP
from escrow.webkeys import WebKeys
from tests.support import plain
from tests.support.browser import Client, problem
from tests.support.clocks import FakeClock

ID = "ab" * 16
PAGES = (
    *("/", "/sign-in", "/new-account", "/account", "/deposits", f"/deposits/{ID}"),
    *(f"/deposits/{ID}/drill", "/enrol"),
    *(
        "/recover",
        "/admin/invitation",
        "/admin/sign-in",
        f"/contact/{ID}",
        f"/invite/{ID}",
        f"/veto/{ID}",
    ),
    *(f"/help/{name}" for name in HELP),
)
BROWSER = Path(__file__).resolve().parent.parent / "escrow" / "browser"
TEMPLATES = BROWSER.parent / "templates"
SCRIPTS = sorted([*BROWSER.glob("pages/*/*.js"), *BROWSER.glob("ui/*.js")])
INLINE = {"a", "b", "code", "em", "q", "span", "strong", "summary", "time"}


@pytest.fixture
def app(sqlite_database: Database, settings: Settings, clock: FakeClock) -> EscrowApp:
    return make(sqlite_database, settings, clock)


def make(database: Database, settings: Settings, clock: FakeClock) -> EscrowApp:
    made = create_app(settings, database, WebKeys.generate(), clock)
    made.test_client_class = Client
    return made


class Text(HTMLParser):
    """The lines that people read in `main`, what scripts may show there included; no code."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.lines = [""]
        self._main = False
        self._code = 0
        self.feed(html)
        self.lines = [" ".join(line.split()) for line in self.lines if line.strip()]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._main = self._main or tag == "main"
        self._code += tag in {"code", "pre", "script", "style"}
        if tag not in INLINE - {"summary"}:
            self.lines.append("")

    def handle_endtag(self, tag: str) -> None:
        self._main = self._main and tag != "main"
        self._code -= tag in {"code", "pre", "script", "style"}
        if tag not in INLINE - {"summary"}:
            self.lines.append("")

    def handle_data(self, data: str) -> None:
        if self._main and not self._code:
            self.lines[-1] += data


def lines_of(client: FlaskClient, path: str, language: str) -> list[str]:
    answer = client.get(path, headers={"Accept-Language": language})
    assert answer.status_code == 200
    assert f'<html lang="{language}">' in answer.text
    return Text(answer.text).lines


@pytest.mark.parametrize("language", ["en", "nl"])
@pytest.mark.parametrize("path", PAGES)
def test_a_page_is_plain_and_its_sentences_are_short(
    client: FlaskClient, path: str, language: str
) -> None:
    lines = lines_of(client, path, language)
    whole = re.sub(r"[“`](escrow\b[^”`]*)[”`]|https?://\S+", "", "\n".join(lines))
    assert not plain.NOT_PLAIN.search(whole), plain.NOT_PLAIN.search(whole)
    assert not plain.FAMILIAR.search(whole), plain.FAMILIAR.search(whole)
    assert not re.search(r"(?i)click|klik|dear|geachte|please note|!", whole)
    assert plain.too_long(plain.sentences(lines)) == ""


def asked_to_choose(locale: str) -> Iterator[str]:
    """Name what the mails tell people to choose after they have signed in."""
    word = {"en": "choose", "nl": "kies"}[locale]
    folder = Path(letter.__file__).parent / "messages"
    for path in sorted(folder.glob(f"*.{locale}.txt")):
        yield from re.findall(rf"{word} “([^”]+)”", path.read_text("utf-8"))


@pytest.mark.parametrize("language", ["en", "nl"])
def test_the_pages_have_what_the_mails_ask_to_choose(client: FlaskClient, language: str) -> None:
    pages = ("/", f"/deposits/{ID}")
    whole = "\n".join(line for path in pages for line in lines_of(client, path, language))
    names = set(asked_to_choose(language))
    assert len(names) > 3
    assert [name for name in sorted(names) if name not in whole] == []


@pytest.mark.parametrize("path", PAGES)
def test_a_page_loads_nothing_from_elsewhere_and_says_what_to_do_without_a_script(
    client: FlaskClient, path: str
) -> None:
    text = client.get(path).text
    assert re.findall(r"""(?:src|href|action)=["'](?:https?:)?//""", text) == []
    assert "style=" not in text.replace("text-style=", "")
    assert ("<script" in text) == ("<noscript>" in text)
    assert re.findall(r"<script(?! type=\"module\" src=\"/assets/)", text) == []


def test_the_switch_keeps_the_language(client: FlaskClient) -> None:
    answer = client.get("/?language=nl", headers={"Accept-Language": "en"})
    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith("language=nl;")
    assert "HttpOnly" in cookie
    assert "Secure" in cookie
    assert '<html lang="nl">' in client.get("/recover", headers={"Accept-Language": "en"}).text
    assert "Set-Cookie" not in client.get("/?language=xx").headers


def test_the_switch_keeps_where_the_visitor_was_going(client: FlaskClient) -> None:
    text = client.get("/sign-in?next=/account").text
    assert '"?language=nl&amp;next=/account"' in text


@pytest.mark.parametrize("path", ["/nothing", "/deposits/short", "/help/nothing"])
def test_who_opens_a_wrong_address_gets_a_page(client: FlaskClient, path: str) -> None:
    answer = client.get(path, headers={"Accept": "text/html", "Accept-Language": "nl"})
    assert answer.status_code == 404
    assert "Hier is niets" in answer.text
    problem(client.get(path), 404, "not_found")


def test_a_program_never_gets_a_page(client: FlaskClient) -> None:
    for path in ("/api/v1/nothing", "/assets/nothing.js", "/assets/pages/../headers.py"):
        problem(client.get(path, headers={"Accept": "text/html"}), 404, "not_found")
    problem(client.post("/nothing", headers={"Accept": "text/html"}), 404, "not_found")


def test_a_file_that_is_named_after_its_content_is_kept(client: FlaskClient) -> None:
    answer = client.get(assets.url_of("page.css"))
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"


@pytest.mark.parametrize("entry", ["page.css", "enrol.js"])
def test_files_travel_compressed_to_browsers_that_take_it_and_nothing_personal_does(
    client: FlaskClient, entry: str
) -> None:
    url = assets.url_of(entry)
    plain, other = client.get(url), client.get(url, headers={"Accept-Encoding": "gzip;q=0, br"})
    assert "Content-Encoding" not in {*plain.headers.keys(), *other.headers.keys()}
    packed = client.get(url, headers={"Accept-Encoding": "br, gzip"})
    assert packed.headers["Content-Encoding"] == "gzip"
    assert {answer.headers["Vary"] for answer in (plain, packed)} == {"Accept-Encoding"}
    assert gzip.decompress(packed.data) == plain.data == other.data
    assert len(packed.data) < 0.6 * len(plain.data)
    for path in ("/", "/deposits", "/.well-known/escrow.json"):
        answer = client.get(path, headers={"Accept-Encoding": "gzip"})
        assert "Content-Encoding" not in answer.headers


def test_the_providers_colour_is_sent_once_and_asked_for_again(client: FlaskClient) -> None:
    answer = client.get("/assets/theme.css")
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-cache"
    again = client.get("/assets/theme.css", headers={"If-None-Match": answer.headers["ETag"]})
    assert again.status_code == 304


def test_only_pages_on_which_codes_are_scanned_may_use_the_camera(client: FlaskClient) -> None:
    scanning = {path for path in PAGES if may_use_camera(client, path)}
    assert scanning == {f"/contact/{ID}", f"/deposits/{ID}", f"/deposits/{ID}/drill", "/recover"}


def may_use_camera(client: FlaskClient, path: str) -> bool:
    policy = client.get(path).headers["Permissions-Policy"]
    assert policy.count("camera=") == 1
    return "camera=(self)" in policy


def test_the_providers_name_colour_logo_and_number_are_on_the_page(
    sqlite_database: Database, settings: Settings, clock: FakeClock, tmp_path: Path
) -> None:
    logo = tmp_path / "logo.svg"
    logo.write_bytes(b"<svg xmlns='http://www.w3.org/2000/svg'/>")
    looks = replace(
        settings,
        provider_name="Ænima & Zn",
        provider_colour="#ffee00",
        provider_logo=logo,
        provider_support="help@recovery.test",
    ).check()
    client = make(sqlite_database, looks, clock).test_client()
    text = client.get("/").text
    assert "Ænima &amp; Zn" in text
    assert 'href="tel:+31201234567"' in text
    assert 'href="mailto:help@recovery.test"' in text
    assert 'src="/assets/logo"' in text
    drawn = client.get("/assets/logo")
    assert (drawn.data, drawn.mimetype) == (logo.read_bytes(), "image/svg+xml")
    assert "default-src 'none'" in drawn.headers["Content-Security-Policy"]
    assert "--accent:#ffee00" not in client.get("/assets/theme.css").text.split("@media")[0]


def test_without_a_logo_there_is_none(client: FlaskClient) -> None:
    assert "/assets/logo" not in client.get("/").text
    problem(client.get("/assets/logo"), 404, "not_found")


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_a_script_makes_no_markup_and_stores_nothing(path: Path) -> None:
    forbidden = (
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|\beval\b"
        r"|localStorage|sessionStorage|indexedDB|document\.cookie|window\.name|https?://"
    )
    assert not re.search(forbidden, path.read_text("utf-8"))


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_a_script_has_no_sentence_of_its_own(path: Path) -> None:
    """Three words in quotes are for people to read; errors are for us."""
    code = re.sub(r"/\*.*?\*/", "", path.read_text("utf-8"), flags=re.DOTALL)
    code = re.sub(r"//.*", "", code)
    code = re.sub(r"new Error\(.*", "", code)
    texts = re.findall(r"\"([^\"\n]*)\"|'([^'\n]*)'", code)
    assert [
        t for pair in texts for t in pair if re.search(r"[a-z]{2,} [a-z]{2,} [a-z]{2,}", t)
    ] == []


def test_a_provider_without_a_name_is_called_by_what_it_does_in_the_pages_language(
    sqlite_database: Database, settings: Settings, clock: FakeClock
) -> None:
    client = make(sqlite_database, replace(settings, provider_name=UNNAMED), clock).test_client()
    text = client.get("/", headers={"Accept-Language": "nl"}).text
    assert "<span>Sleutelherstel</span>" in text
    assert "<li>wij</li>" in text
    assert "Key recovery" not in text


def test_a_form_that_a_script_reads_is_sent_nowhere_by_the_browser() -> None:
    # Before its script runs, a press would put what was typed into the page's address.
    sent = {"act.html": 1, "custody.html": 1}  # a button of a mail's link; the filters of a list
    files = [*TEMPLATES.rglob("*.html"), BROWSER / "offline" / "page.html"]
    found = [
        (path.name, tag) for path in files for tag in re.findall("<form[^>]*", path.read_text())
    ]
    assert len(found) > 50
    others = Counter(name for name, form in found if 'method="dialog"' not in form)
    assert others == sent
