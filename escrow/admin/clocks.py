"""How long is left, in words: what a page says before its script keeps it true."""

from escrow.i18n import Translator

MINUTE_SECONDS, HOUR_SECONDS, DAY_SECONDS = 60, 3600, 86400


def left(t: Translator, seconds: int) -> str:
    """Write a length of time, rounded up as the browser does: “14 days”, “3 hours”, “12 minutes”.

    What is over is “1 minute”: who looks is told of the next step at any moment.
    """
    if seconds >= 2 * DAY_SECONDS:
        return t.ngettext("{n} day", "{n} days", -(-seconds // DAY_SECONDS))
    if seconds >= 2 * HOUR_SECONDS:
        return t.ngettext("{n} hour", "{n} hours", -(-seconds // HOUR_SECONDS))
    return t.ngettext("{n} minute", "{n} minutes", max(1, -(-seconds // MINUTE_SECONDS)))
