"""Every page in every state: accessible, readable on both grounds, no wider than the screen."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.browser import seeing
from tests.browser.walks import WALKS, Visitor
from tests.support.world import World

LOCALES = {"en": "en-GB", "nl": "nl-NL"}


@pytest.fixture
def host() -> str:
    """With a name, so that passkeys are offered."""
    return "localhost"


@pytest.mark.parametrize("language", sorted(LOCALES))
@pytest.mark.parametrize("name", sorted(WALKS))
def test_every_state_is_accessible_in_both_languages(
    site: World, browser: Browser, name: str, language: str
) -> None:
    context = browser.new_context(locale=LOCALES[language], reduced_motion="reduce")
    context.set_default_timeout(15_000)
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    seeing.prepare(page)
    eye = seeing.Eye(page, language)
    try:
        WALKS[name].run(Visitor(site, page, eye, site.customer()))
    finally:
        context.close()
    assert errors == []
    assert tuple(eye.seen) == WALKS[name].states
    assert not eye.wrong, "\n".join(eye.wrong)


def test_every_page_has_a_row_in_the_registry(site: World) -> None:
    served = {
        re.sub(r"any\([^)]*\)", "any(…)", rule.rule)
        for rule in site.app.url_map.iter_rules()
        if rule.endpoint.startswith(("pages.", "admin_pages.", "admin_acting_pages."))
    }
    walked = {rule for walk in WALKS.values() for rule in walk.rules}
    assert served == walked


def test_the_style_sheet_is_small() -> None:
    import gzip

    sheet = Path("escrow/browser/style/page.css").read_bytes()
    assert len(gzip.compress(sheet, 9)) <= 10_000
