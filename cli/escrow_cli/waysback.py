"""Which ways back a deposit has now, by the states of its pieces: two of three are enough."""

from __future__ import annotations

from typing import Any

from escrow.i18n import N_, Translator

KIT_PROVIDER, KIT_CONTACTS, CONTACTS_PROVIDER = "kit+provider", "kit+contacts", "contacts+provider"
_LIVE = {"active", "complete", "closing"}


def now(document: dict[str, Any], needed: int) -> list[str]:
    """Name the ways that are open; `needed` is how many contacts it takes, 0 where there are none.

    Kit and contacts need no service, so that way stays when the deposit is closed.
    """
    held = [line["role"] for line in document["custodies"] if line["state"] == "held"]
    kit = "customer" in held
    contacts = bool(needed) and held.count("contact") >= needed
    provider = "provider" in held and document["state"] in _LIVE
    open_ = {
        KIT_PROVIDER: kit and provider,
        KIT_CONTACTS: kit and contacts,
        CONTACTS_PROVIDER: contacts and provider,
    }
    return [way for way, is_open in open_.items() if is_open]


def state_name(t: Translator, document: dict[str, Any]) -> str:
    """Say a deposit's state in words; `complete` is said only while every way is open."""
    from escrow_cli import status

    ways = 3 if document["contacts_needed"] else 1
    if document["state"] == "complete" and len(document["ways_back"]) < ways:
        return t.gettext("no longer complete")
    return status.state_name(t, str(document["state"]))


def said(t: Translator, document: dict[str, Any]) -> list[str]:
    """Say which ways are open, and what is missing for the others."""
    needed, open_ = int(document["contacts_needed"]), document["ways_back"]
    contacts = t.ngettext("one contact", "{n} contacts", needed)
    words = {
        KIT_PROVIDER: t.gettext("your kit and the provider"),
        KIT_CONTACTS: t.gettext("your kit and {contacts}", contacts=contacts),
        CONTACTS_PROVIDER: t.gettext("{contacts} and the provider", contacts=contacts),
    }
    ways = "; ".join(words[way] for way in open_) or t.gettext("none")
    lines = [t.gettext("Ways back now: {ways}", ways=ways)]
    if not needed:
        lines.append(t.gettext("There is no contact: this is the only way back."))
    elif missing := _missing(document, needed):
        invited = sum(_is_contact(line, "invited") for line in document["custodies"])
        text = t.ngettext(
            "{n} more contact has to hold a piece.",
            "{n} more contacts have to hold a piece.",
            missing,
        )
        advice = N_("`escrow invite` shows the invitation again.")
        if invited < missing:
            advice = N_("Name other contacts with `escrow replace`.")
        lines.append(" ".join((text, t.gettext(advice))))
    return lines


def _missing(document: dict[str, Any], needed: int) -> int:
    held = sum(_is_contact(line, "held") for line in document["custodies"])
    return max(0, needed - held)


def _is_contact(line: dict[str, Any], state: str) -> bool:
    return bool(line["role"] == "contact" and line["state"] == state)
