"""Entries of the ledger in words: those that the pages show, so that both say the same."""

from __future__ import annotations

from escrow.i18n import N_, Translator

# By the type of an event that stands in the history of a key.
WORDS = {
    "deposit created": N_("The key was cut into pieces, and kept."),
    "deposit active": N_("The provider’s piece and the kit work."),
    "deposit complete": N_("All pieces are in place."),
    "deposit closing": N_("Its end was asked for."),
    "deposit reopened": N_("It is kept after all."),
    "deposit destroyed": N_("It was destroyed."),
    "custody invited": N_("{who}: asked to hold a piece."),
    "custody fetched": N_("{who}: the invitation was opened."),
    "custody paused": N_("{who}: the invitation was paused."),
    "custody resumed": N_("{who}: the invitation goes on."),
    "custody withdrawn": N_("{who}: the invitation was taken back."),
    "custody held": N_("{who}: the piece is in place."),
    "custody rejected": N_("{who}: the piece did not fit."),
    "custody declined": N_("{who}: the piece was given up."),
    "custody lost": N_("{who}: the piece was reported lost."),
    "custody attested": N_("{who}: the piece was shown."),
    "custody moved": N_("{who}: another address."),
    "recovery opened": N_("Somebody asked for the key."),
    "recovery noticed": N_("Everyone concerned was told."),
    "recovery ready": N_("The waiting time was over."),
    "recovery vetoed": N_("It was stopped."),
    "recovery frozen": N_("It was put on hold."),
    "recovery unfrozen": N_("It goes on, and the waiting time began anew."),
    "recovery begun": N_("The pieces were being brought together."),
    "recovery completed": N_("The key is back."),
    "recovery expired": N_("Nobody finished it: it ended by itself."),
    "release intended": N_("{who}: the piece was about to be handed over."),
    "release made": N_("{who}: the piece was handed over."),
    "admin approved": N_("Somebody at the provider signed a decision."),
    "admin executed": N_("What was signed at the provider was done."),
    "admin rejected": N_("Somebody at the provider stopped a decision before it was done."),
    "admin exported": N_("Somebody at the provider saved a report."),
    "admin resent": N_("The provider sent the instructions again."),
}


def in_words(t: Translator, kind: str, who: str) -> str:
    """Say an event; `who` holds the piece that it is about. An unknown type stays as it is."""
    known = WORDS.get(kind)
    said = t.gettext(known, who=who) if known else kind
    return said[:1].upper() + said[1:]
