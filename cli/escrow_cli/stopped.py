"""Seeing in the ledger that a recovery is stopped: what only the service says binds nobody."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from escrow.i18n import N_
from escrow.protocol.encoding import b64url_decode
from escrow.protocol.ledger import Event
from escrow_cli.context import Cli
from escrow_cli.errors import NotNow
from escrow_cli.ledger import Ledger

WRITTEN_SECONDS = 20.0
_POLL_SECONDS = 0.25


@dataclass(frozen=True)
class Stop:
    """A recovery that was stopped, and the list (a path of the API) where its entry will stand."""

    recovery: str
    entries: str


def see(cli: Cli, ledger: Ledger, stop: Stop) -> None:
    """Wait until the veto is proven to stand in the ledger; raises NotNow when it does not."""
    for _ in range(int(WRITTEN_SECONDS / _POLL_SECONDS)):
        entry = _entry(cli, stop)
        if entry is not None:
            ledger.event(entry)
            return
        time.sleep(_POLL_SECONDS)
    raise NotNow(
        N_("The service says that it is stopped, but the ledger does not say so yet."),
        N_("Run `escrow veto` again in a minute. If this stays, call us and say so."),
        reason="not_in_ledger",
    )


def _entry(cli: Cli, stop: Stop) -> dict[str, Any] | None:
    for entry in cli.client.listed(stop.entries, "events"):
        event = Event.parse(b64url_decode(entry["event"]))
        if (event.type, event.recovery) == ("recovery vetoed", stop.recovery):
            return entry
    return None
