"""`escrow verify --site`: what a browser would load is what the ledger says was published.

Every page that can be reached is fetched as a browser fetches it. A page may load only files that
/.well-known/escrow.json lists, and run no script of its own; each of the listed files must have the
SHA-256 that stands there; and the SHA-256 of the list itself must be the one of the newest `site
published`, proven to stand in the ledger. What only some people are served, or only at times, this
cannot see: that is why anybody can do it at any time, from anywhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

from escrow.i18n import N_
from escrow.protocol.encoding import ListOf, Shape, choice, load_json, sha256, text
from escrow.protocol.errors import Malformed
from escrow_cli.context import Cli
from escrow_cli.errors import Refused

if TYPE_CHECKING:
    from escrow.protocol.ledger import Event

LISTING_PATH = "/.well-known/escrow.json"
MAX_LISTING_BYTES = 2**18
MAX_PAGES = 60
_NOBODY = "0" * 32
# The pages that links in mails lead to; from these on, every page that one of them links to.
_FIRST = (
    *("/", f"/invite/{_NOBODY}", f"/contact/{_NOBODY}", f"/contact/{_NOBODY}/stop"),
    *(f"/contact/{_NOBODY}/lost", f"/veto/{_NOBODY}", f"/reopen/{_NOBODY}", "/admin/invitation"),
)
_NO_PAGES = ("/api/", "/assets/", "/demo/")
_LISTING = Shape(
    format=choice("escrow/v1/site"),
    files=ListOf(Shape(path=text(200, 2), sha256=text(64, 64)), 500),
)
_NEEDED_POLICY = {"default-src": ["'none'"], "script-src": ["'self'"], "style-src": ["'self'"]}
HINT = N_("Type no code and no words there. Call your provider on a number that you already have.")


@dataclass
class Page(HTMLParser):
    """What a page loads, where it leads, and whether it brings a script of its own."""

    files: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    has_own_script: bool = False

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if any(name.startswith("on") or name == "srcdoc" for name in given):
            self.has_own_script = True
        if tag == "script" and "src" not in given:
            self.has_own_script = True
        if tag == "a":
            self.links.append(given.get("href", ""))
        elif tag == "link" and given.get("rel", "").lower() in {"alternate", "canonical"}:
            return
        else:
            loads = [given[name] for name in ("src", "href", "data", "poster") if name in given]
            self.files += [url for url in loads if not url.startswith("data:")]


def verify_site(cli: Cli, url: str) -> None:
    """Check a site by its address; raises Refused for what does not fit."""
    from escrow_cli.ledger import say_look
    from escrow_cli.ledgerkeys import check_keys, open_ledger

    site = Cli(cli.terminal, cli.surroundings, url)
    listing, _ = site.client.fetch(LISTING_PATH)
    files = read_listing(listing)
    ledger, keys = open_ledger(site, None)
    say_look(site, ledger)
    check_keys(ledger, keys)
    published = site.client.get("site")
    event = ledger.event(published["entry"], published["proof"])
    check_published(event, listing)
    with cli.terminal.progress(cli.t.gettext("Fetching what a browser would load …")):
        pages = _check_pages(site, files)
        for path, expected in files.items():
            content, _ = site.client.fetch(path)
            if sha256(content).hex() != expected:
                raise _refused(N_("{path} is not the file that was published."), "other_file", path)
    _say(cli, len(pages), files, event, listing)


def _say(cli: Cli, pages: int, files: dict[str, str], event: Event, listing: bytes) -> None:
    t = cli.t
    cli.terminal.answer(
        t.ngettext(
            "{n} page checked: it loads only what was published on {date}.",
            "{n} pages checked: they load only what was published on {date}.",
            pages,
            date=t.datetime(event.at),
        )
    )
    cli.terminal.document(
        {
            "pages": pages,
            "files": [{"path": path, "sha256": hashed} for path, hashed in files.items()],
            "files_sha256": sha256(listing).hex(),
            "published_at": event.at,
        }
    )


def _refused(message: str, reason: str, path: str = "") -> Refused:
    return Refused(message, HINT, reason=reason, path=path)


def read_listing(data: bytes) -> dict[str, str]:
    """Return the SHA-256 (hex) of each listed path; raises Refused("malformed_site")."""
    try:
        found = _LISTING.read(load_json(data, "site", MAX_LISTING_BYTES), "site")
    except Malformed:
        raise _refused(
            N_("The list of published files cannot be read."), "malformed_site"
        ) from None
    return {line["path"]: line["sha256"] for line in found["files"]}


def check_published(event: Event, listing: bytes) -> None:
    """Refuse a list that is not the one of this entry."""
    is_published = event.type == "site published"
    if not is_published or event.data["files_sha256"] != sha256(listing):
        raise _refused(
            N_("The list of files is not the one that the ledger says was published."),
            "not_published",
        )


def _check_pages(site: Cli, files: dict[str, str]) -> set[str]:
    waiting = list(_FIRST)
    seen: set[str] = set()
    while waiting and len(seen) < MAX_PAGES:
        path = waiting.pop(0)
        if path in seen:
            continue
        seen.add(path)
        content, headers = site.client.fetch(path)
        if "html" in headers.get("Content-Type", ""):
            policy = headers.get("Content-Security-Policy", "")
            waiting += check_page(site.url, path, content, policy, files)
    return seen


def check_page(
    base: str, path: str, content: bytes, policy: str, files: dict[str, Any]
) -> Iterator[str]:
    """Refuse a page that loads or runs what was not published; return the pages it leads to."""
    page = Page()
    page.feed(content.decode("utf-8", "replace"))
    page.close()
    if page.has_own_script:
        raise _refused(N_("The page {path} brings a script of its own."), "own_script", path)
    if not _is_strict(policy):
        raise _refused(
            N_("The page {path} does not forbid scripts from elsewhere."), "weak_policy", path
        )
    for url in page.files:
        parts = urlsplit(urljoin(f"{base}{path}", url))
        if f"{parts.scheme}://{parts.netloc}" != base:
            raise _refused(N_("The page loads {path}, from elsewhere."), "foreign_file", url)
        if parts.path not in files:
            raise _refused(N_("The page loads {path}, which was not published."), "unlisted", url)
    return iter(_pages(base, path, page.links))


def _pages(base: str, path: str, links: list[str]) -> list[str]:
    found = []
    for link in links:
        parts = urlsplit(urljoin(f"{base}{path}", link))
        is_here = f"{parts.scheme}://{parts.netloc}" == base
        if is_here and not parts.path.startswith(_NO_PAGES):
            found.append(parts.path)
    return found


def _is_strict(policy: str) -> bool:
    """Tell whether a browser would run nothing but the site's own files."""
    said: dict[str, list[str]] = {}
    for part in re.split(r"\s*;\s*", policy.strip()):
        name, *sources = part.split()[:20] or [""]
        said.setdefault(name.lower(), sources)
    return all(said.get(name) == sources for name, sources in _NEEDED_POLICY.items())
