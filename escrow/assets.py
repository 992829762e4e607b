"""What the browser loads: the files that escrow/browser/build.py has made in escrow/static.

A page names an entry ("act.js"), the build's manifest says which file that is. Files are named
after their content, so browsers may keep them for ever. `escrow.json` lists the SHA-256 of every
one; it is served at /.well-known/escrow.json, and the SHA-256 of its bytes stands in the ledger, in
the newest `site published`, where `escrow verify --site` looks it up.
"""

import gzip
import html
import json
import re
from functools import lru_cache
from importlib import resources
from importlib.resources.abc import Traversable

from escrow.errors import ConfigurationError
from escrow.i18n import N_
from escrow.protocol.encoding import sha256

LISTING = "escrow.json"
LISTING_PATH = "/.well-known/escrow.json"
OFFLINE = "offline.html"
TYPES = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".txt": "text/plain; charset=utf-8",
    ".svg": "image/svg+xml",
}


class NotBuilt(ConfigurationError):
    """The browser's files are missing: run `python hatch_build.py` in the checkout."""

    def __init__(self) -> None:
        super().__init__(
            N_("The browser’s files are missing: run `python hatch_build.py` in the checkout.")
        )


def _static() -> Traversable:
    return resources.files("escrow").joinpath("static")


@lru_cache(maxsize=1)
def _manifest() -> tuple[dict[str, list[str]], frozenset[str]]:
    """Return the files of each entry, itself first, and all files."""
    try:
        manifest = json.loads(_static().joinpath("manifest.json").read_bytes())
    except FileNotFoundError:
        raise NotBuilt from None
    return manifest["entries"], frozenset(manifest["files"])


def url_of(entry: str) -> str:
    """Return the path of an entry's file; raises KeyError for an unknown one, NotBuilt."""
    return f"/assets/{_manifest()[0][entry][0]}"


@lru_cache(maxsize=256)
def read(name: str) -> bytes | None:
    """Return a built file's bytes; None for a name that the build did not give."""
    return _static().joinpath(name).read_bytes() if name in _manifest()[1] else None


@lru_cache(maxsize=256)
def compressed(name: str) -> bytes | None:
    """Return a built file's bytes as gzip; None for a name that the build did not give.

    Only files that are the same for everyone are compressed: the length of an answer that mixes a
    visitor's secrets with what somebody else can choose would tell of the secrets (BREACH).
    """
    data = read(name)
    return None if data is None else gzip.compress(data, 9, mtime=0)


@lru_cache(maxsize=1)
def listing() -> bytes:
    """Return the bytes of the list of all files with their SHA-256; raises NotBuilt."""
    try:
        return _static().joinpath(LISTING).read_bytes()
    except FileNotFoundError:
        raise NotBuilt from None


def listing_sha256() -> bytes:
    """Return what `site published` says of this build: 32 bytes; raises NotBuilt."""
    return sha256(listing())


def offline() -> tuple[bytes, str]:
    """Return the offline page's bytes and the policy that stands in it; raises NotBuilt."""
    page = read(OFFLINE) or b""
    found = re.search(rb'http-equiv="Content-Security-Policy" content="([^"]*)"', page)
    if found is None:
        raise NotBuilt
    return page, html.unescape(found[1].decode("ascii"))


def content_type(name: str) -> str:
    """Return the type that a file is served as."""
    return TYPES[name[name.rindex(".") :]]
