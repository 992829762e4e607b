"""Using a page as who has no mouse does."""

from playwright.sync_api import Page

MOST_STOPS = 60


def reach(page: Page, selector: str) -> None:
    """Go on with the tabulator until something has the focus; raises AssertionError if nothing."""
    for _ in range(MOST_STOPS):
        if page.evaluate("(s) => document.activeElement?.matches(s) ?? false", selector):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"the keyboard does not reach {selector}")


def type_in(page: Page, selector: str, text: str) -> None:
    """Type into a field and press Enter."""
    reach(page, selector)
    page.keyboard.type(text)
    page.keyboard.press("Enter")


def press(page: Page, selector: str, key: str = "Enter") -> None:
    """Press a button, or follow a link; a choice wants the space bar."""
    reach(page, selector)
    page.keyboard.press(key)
