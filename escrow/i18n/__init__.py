"""Languages: English in the code, every other one in `escrow/translations`.

    from escrow.i18n import N_, translator

    t = translator("nl")                     # None: what the environment says
    t.gettext("Ask {name}.", name="Anna")    # "Vraag het Anna."
    t.ngettext("{n} day", "{n} days", 3)     # "3 dagen"; `n` is filled in
    t.datetime(1795698600)                   # "donderdag 26 november 2026, 14:10"

    WAITING = N_("Waiting")                  # marked here, translated later: t.gettext(WAITING)

Extracted are literals given to `gettext`, `ngettext`, `_` (a local `_ = t.gettext`) and `N_`; never
an f-string, and never inside one. `python -m escrow.i18n extract` brings new messages into the
.po files, `check` says what is not translated. The client starts with this module: it imports
nothing but `gettext` and `re`.
"""

from __future__ import annotations

import gettext as catalogues
import io
import os
import re
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import datetime as datetimes

DOMAIN = "escrow"
FOLDER = Path(__file__).resolve().parent.parent / "translations"
SOURCE_LOCALE = "en"
LOCALES = (SOURCE_LOCALE, "nl")

# An installer may unpack the .po a moment after its .mo: that does not make the .mo old.
_UNPACKED_TOGETHER_NS = 2_000_000_000
_PLACE = re.compile(r"\{([a-z_][a-z0-9_]*)\}")


def N_(message: str) -> str:
    """Mark a message for extraction and return it as it is."""
    return message


WEEKDAYS = (
    N_("Monday"),
    N_("Tuesday"),
    N_("Wednesday"),
    N_("Thursday"),
    N_("Friday"),
    N_("Saturday"),
    N_("Sunday"),
)
MONTHS = (
    N_("January"),
    N_("February"),
    N_("March"),
    N_("April"),
    N_("May"),
    N_("June"),
    N_("July"),
    N_("August"),
    N_("September"),
    N_("October"),
    N_("November"),
    N_("December"),
)


class Translator:
    """Messages and dates of one locale. `zone` None is the machine's own time zone."""

    def __init__(
        self,
        locale: str,
        catalogue: catalogues.NullTranslations,
        zone: datetimes.tzinfo | None = None,
    ) -> None:
        self.locale = locale
        self._catalogue = catalogue
        self._zone = zone

    def gettext(self, message: str, /, **params: object) -> str:
        """Translate a message and fill in its `{name}` places."""
        return _fill(self._catalogue.gettext(message) if message else "", params)

    def ngettext(self, one: str, many: str, n: int, /, **params: object) -> str:
        """Translate what depends on a number; `{n}` is filled in too."""
        return _fill(self._catalogue.ngettext(one, many, n), {"n": n, **params})

    def date(self, timestamp: int) -> str:
        """Write a day, for example "Thursday 26 November 2026"."""
        return self._date(self._local(timestamp))

    def day(self, timestamp: int) -> str:
        """Write a day in a table, for example "26 November 2026"."""
        local = self._local(timestamp)
        month = self.gettext(MONTHS[local.month - 1])
        return self.gettext("{day} {month} {year}", day=local.day, month=month, year=local.year)

    def number(self, value: int) -> str:
        """Write a number with its thousands apart, for example "1,234" or "1.234"."""
        # The separator of thousands in numbers.
        return f"{value:,}".replace(",", self.gettext(","))

    def datetime(self, timestamp: int) -> str:
        """Write a day and time, for example "Thursday 26 November 2026, 14:10"."""
        local = self._local(timestamp)
        return self.gettext("{date}, {time}", date=self._date(local), time=f"{local:%H:%M}")

    def moment(self, timestamp: int) -> str:
        """Write a time that is read elsewhere, like "Thursday 26 November 2026, 14:10 (CET)"."""
        local = self._local(timestamp).astimezone(self._zone)
        offset = f"{local:%z}"
        zone = f"{local:%Z}"
        if not zone.isalpha():  # "+03" is not a name
            zone = f"UTC{offset[:3]}:{offset[3:]}"
        return self.gettext("{when} ({zone})", when=self.datetime(timestamp), zone=zone)

    def _local(self, timestamp: int) -> datetimes.datetime:
        import datetime as datetimes

        return datetimes.datetime.fromtimestamp(timestamp, self._zone)

    def _date(self, local: datetimes.datetime) -> str:
        return self.gettext(
            "{weekday} {day} {month} {year}",
            weekday=self.gettext(WEEKDAYS[local.weekday()]),
            day=local.day,
            month=self.gettext(MONTHS[local.month - 1]),
            year=local.year,
        )


def _fill(message: str, params: dict[str, object]) -> str:
    """Fill in `{name}` places, once: braces in a value, or without a value, stay as they are."""
    if not params:
        return message
    return _PLACE.sub(lambda place: str(params.get(place[1], place[0])), message)


def translator(locale: str | None, zone: datetimes.tzinfo | None = None) -> Translator:
    """Return the translator of a locale ("nl", "nl-BE", "nl_NL.UTF-8"); None: the environment's."""
    known = locale_from_environment() if locale is None else supported_locale(locale)
    return Translator(known, _catalogue(known), zone)


def supported_locale(name: str) -> str:
    """Return the locale of the product that fits a name best; English when none does."""
    language = re.split(r"[-_.@]", name.strip().lower(), maxsplit=1)[0]
    return language if language in LOCALES else SOURCE_LOCALE


def locale_from_environment() -> str:
    """Return "nl" or "en", as LC_ALL, LC_MESSAGES or LANG says (the first that is not empty)."""
    for variable in ("LC_ALL", "LC_MESSAGES", "LANG"):
        if value := os.environ.get(variable):
            return supported_locale(value)
    return SOURCE_LOCALE


@lru_cache(maxsize=len(LOCALES))
def _catalogue(locale: str) -> catalogues.NullTranslations:
    if locale == SOURCE_LOCALE:
        return catalogues.NullTranslations()
    return load_catalogue(FOLDER / locale / "LC_MESSAGES" / f"{DOMAIN}.po")


def load_catalogue(po: Path) -> catalogues.NullTranslations:
    """Load the .mo beside a .po; when it is missing or old, compile the .po in memory."""
    mo = po.with_suffix(".mo")
    if _is_fresh(mo, po):
        with mo.open("rb") as stream:
            return catalogues.GNUTranslations(stream)
    from escrow.i18n.po import mo_bytes, read_po

    compiled = mo_bytes(read_po(po.read_text("utf-8")))
    return catalogues.GNUTranslations(io.BytesIO(compiled))


def _is_fresh(mo: Path, po: Path) -> bool:
    try:
        made = mo.stat().st_mtime_ns
    except FileNotFoundError:
        return False
    try:
        return made + _UNPACKED_TOGETHER_NS > po.stat().st_mtime_ns
    except FileNotFoundError:
        return True
