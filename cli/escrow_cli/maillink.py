"""The link of a mail, which stops or undoes without signing in and without a piece.

Its token stands in the fragment. It is asked for, or taken from the environment, and never an
argument: arguments show in process lists and shell histories.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from escrow.i18n import N_
from escrow_cli.context import Cli
from escrow_cli.errors import NotNow, Usage

LINK = "ESCROW_MAIL_LINK"
_LINK = re.compile(r"(?:(https?://[^\s/#]+)/([a-z]+)/([0-9a-f]{32})#)?([A-Za-z0-9_-]{43})\Z")


@dataclass(frozen=True)
class MailLink:
    """What a link may do, and what it is about, as the service says."""

    token: str = field(repr=False)
    deposit: str
    label: str
    created_at: int
    recovery: str | None


def ask(cli: Cli, purpose: str) -> MailLink:
    """Ask for the link of a mail (`purpose` is its page, too), or its token; looks what it is of.

    The link's own service is used if none is given. Raises Usage, NotNow.
    """
    host, token = _asked(cli, purpose)
    if cli.host is None:
        cli.host = host
    elif host and Cli(cli.terminal, cli.surroundings, host).url != cli.url:
        raise Usage(N_("The link is of another service than --host."), reason="other_host")
    try:
        found = cli.client.post(f"links/{purpose}", {"token": token})
    except NotNow as error:
        if error.reason != "gone":
            raise
        raise NotNow(
            N_("This link was used before, or it is too old."),
            N_(
                "Take the newest mail, or do it without --link. If it was not you, tell your "
                "provider."
            ),
            reason="gone",
        ) from None
    return MailLink(
        token, found["deposit"], found["label"], int(found["created_at"]), found["recovery"]
    )


def _asked(cli: Cli, purpose: str) -> tuple[str | None, str]:
    """Ask until it is a link of this purpose; returns its service, if it names one, and token."""
    while True:
        text = cli.terminal.ask(
            cli.t.gettext("The link in the mail (not shown)"), LINK, hidden=True
        )
        match = _LINK.match(text.strip())
        if match and match[2] in {None, purpose}:
            return match[1], match[4]
        wrong = Usage(
            N_("This is not the link for this. Copy all of it from the mail, up to its end."),
            reason="malformed_link",
        )
        if cli.terminal.has_answer(LINK):
            raise wrong
        cli.terminal.fail_softly(wrong)
