"""Typing 33 words on a terminal: four letters complete a word, a wrong letter is not taken.

One line is overwritten again and again, so that no words stay in the terminal's history.
"""

from __future__ import annotations

import os
import select
import termios
import tty as terminals
from typing import TextIO

from escrow.i18n import N_, Translator
from escrow.protocol.slip39 import SHARE_LENGTH_WORDS, word_list

_ENOUGH_LETTERS = 4
_ENDS = " \r\n\t,"
_ERASES = "\x7f\b"
_BELL = "\a"
_CLEAR_LINE = "\r\x1b[2K"
# i18n: shown while words are typed; {number} counts from 1 to {count}
_LINE = N_("Word {number} of {count}: {word}")


class Typing:
    """Words in the making. Letters after the fourth are taken for the rest of the same word."""

    def __init__(self, count: int = SHARE_LENGTH_WORDS) -> None:
        self.count = count
        self.words: list[str] = []
        self.letters = ""

    @property
    def is_complete(self) -> bool:
        return len(self.words) == self.count

    @property
    def word(self) -> str:
        """The word that the letters name, or the letters as long as they name none."""
        if len(self.letters) < _ENOUGH_LETTERS:
            return self.letters
        return next(word for word in word_list() if word.startswith(self.letters))

    def take(self, character: str) -> bool:
        """Take what was typed; returns whether it had a meaning."""
        if character in _ERASES:
            return self._erase()
        if character in _ENDS:
            return self._end()
        character = character.lower()
        if not ("a" <= character <= "z"):
            return character in "0123456789."  # the numbers before the words, when pasted
        if len(self.letters) == _ENOUGH_LETTERS:
            return True
        if not any(word.startswith(self.letters + character) for word in word_list()):
            return False
        self.letters += character
        return True

    def _end(self) -> bool:
        if self.letters and len(self.letters) < _ENOUGH_LETTERS:
            return False
        if self.letters:
            self.words.append(self.word)
            self.letters = ""
        return True

    def _erase(self) -> bool:
        if not self.letters and self.words:
            self.letters = self.words.pop()[:_ENOUGH_LETTERS]
        else:
            self.letters = self.letters[:-1]
        return True


def type_words(tty: TextIO, t: Translator) -> str:
    """Let a person type the words of one piece; raises KeyboardInterrupt when she gives up."""
    descriptor = tty.fileno()
    before = termios.tcgetattr(descriptor)
    typing = Typing()
    try:
        terminals.setcbreak(descriptor)
        while not typing.is_complete:
            line = t.gettext(
                _LINE, number=len(typing.words) + 1, count=typing.count, word=typing.word
            )
            tty.write(_CLEAR_LINE + line)
            tty.flush()
            if not typing.take(_character(descriptor)):
                tty.write(_BELL)
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)
        tty.write(_CLEAR_LINE)
        tty.flush()
    return " ".join(typing.words)


def _character(descriptor: int) -> str:
    """Read one character; arrow keys and the like count as nothing."""
    read = os.read(descriptor, 1)
    if read in {b"", b"\x04"}:
        raise KeyboardInterrupt
    if read == b"\x1b":
        while select.select([descriptor], [], [], 0.02)[0]:
            os.read(descriptor, 16)
        return "0"
    return read.decode("ascii", "replace")
