"""What the exit status of `escrow` says. Scripts may rely on it; `escrow --help` prints it."""

from __future__ import annotations

from enum import IntEnum

from escrow.i18n import N_


class Exit(IntEnum):
    OK = 0
    INTERNAL = 1
    USAGE = 2
    REFUSED = 3
    NOT_NOW = 4
    UNREACHABLE = 5
    WRONG_CODE = 6
    WRONG_PIECE = 7
    INTERRUPTED = 130
    NOT_READ = 141


MEANINGS = {
    Exit.OK: N_("done"),
    Exit.INTERNAL: N_("an error in the program itself"),
    Exit.USAGE: N_("wrong use: an option or an answer is missing or wrong"),
    Exit.REFUSED: N_("refused: a check failed, this may be an attack; nothing was sent"),
    Exit.NOT_NOW: N_("not possible now, or too early: the message says when"),
    Exit.UNREACHABLE: N_("the service cannot be reached, or is busy: try again"),
    Exit.WRONG_CODE: N_("a wrong code, or locked after too many wrong codes"),
    Exit.WRONG_PIECE: N_("a wrong, damaged or foreign piece (kit, card, words)"),
    Exit.INTERRUPTED: N_("stopped by you"),
    Exit.NOT_READ: N_("nobody read the output to its end, as in `escrow verify | head`"),
}
