"""A web tier for each test, without compiling its hundreds of routes anew: 0.1 s of processor time.

What an app keeps of its settings is their address and whether it is a demo, so apps that agree in
these have the same routes and hooks; all else is of the copy alone. Whoever adds a route to an app
makes one with `create_app`.
"""

import copy

from escrow.app import EscrowApp, create_app
from escrow.clock import Clock
from escrow.config import Settings
from escrow.context import Web
from escrow.db import Database
from escrow.webkeys import WebKeys

_routed: dict[tuple[str, str, bool], EscrowApp] = {}


def made(settings: Settings, database: Database, keys: WebKeys, clock: Clock) -> EscrowApp:
    """Return an app that shares its routes with others, and nothing that changes."""
    if settings.proxies:  # such an app is wrapped, and a copy's requests would go to the first
        return create_app(settings, database, keys, clock)
    kind = settings.public_url, settings.provider_name, settings.demo
    if kind not in _routed:
        _routed[kind] = create_app(settings, database, keys, clock)
    app = copy.copy(_routed[kind])
    app.config = copy.copy(app.config)
    app.extensions = {**app.extensions, "escrow": Web(settings, database, keys, clock)}
    return app
