"""What a request of the web tier works with."""

from dataclasses import dataclass

from flask import current_app

from escrow.clock import Clock
from escrow.config import Settings
from escrow.db import Database
from escrow.ledger.append import Author
from escrow.webkeys import WebKeys


@dataclass(frozen=True)
class Web:
    """Settings, database, the web tier's keys and the clock."""

    settings: Settings
    database: Database
    keys: WebKeys
    clock: Clock

    @property
    def author(self) -> Author:
        """The web tier as an author of ledger events."""
        return Author("web", self.keys.mac_key)


def web() -> Web:
    """Return what the current Flask application works with."""
    found = current_app.extensions["escrow"]
    if not isinstance(found, Web):
        raise TypeError("the application was not made by create_app")
    return found
