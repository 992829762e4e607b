"""Making an installation: database, keys, the files outside the database, the first admin.

Done once, by `escrow server init`. Nothing else in the package creates a key.
"""

import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import make_url, select

from escrow import webkeyfile
from escrow.admin import people, roles
from escrow.admin.models import Admin
from escrow.clock import Clock
from escrow.config import Settings
from escrow.custodian.keyring import FILE_NAME, open_keyring
from escrow.custodian.keys import NAME, CustodianKeys
from escrow.custodian.outside import Outside
from escrow.db import Database
from escrow.errors import ConfigurationError
from escrow.i18n import N_
from escrow.migrations.run import upgrade
from escrow.webkeys import WebKeys


@dataclass(frozen=True)
class Installation:
    """What `init` tells the operator. The link is a secret and is told once."""

    ledger_vkey: str
    ledger_digits: str
    admin_link: str = field(repr=False)


def install(settings: Settings, clock: Clock) -> Installation:
    """Make everything; raises ConfigurationError when anything is there already."""
    _refuse_twice(settings)
    for directory in (settings.data_dir, settings.key_dir):
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    _make_private_file(settings.database)
    database = Database(settings.database)
    try:
        upgrade(settings.database)
        web_keys = webkeyfile.create(settings.key_dir)
        keyring = open_keyring(settings, create=True)
        keys = CustodianKeys.generate(settings.origin, clock.now())
        Outside.create(settings.outside_dir, settings.origin)
        token = _invite_first_admin(database, web_keys, clock.now())
        # Last, so that an installation with this file is complete.
        keys.create(settings.key_dir, keyring)
    finally:
        database.close()
    verifier = keys.signer.verifier
    link = people.invitation_link(settings, token)
    return Installation(verifier.vkey, verifier.key_digits(), link)


def _refuse_twice(settings: Settings) -> None:
    names = (NAME, webkeyfile.NAME, FILE_NAME)
    there = [path for name in names if (path := settings.key_dir / name).exists()]
    if settings.outside_dir.exists():
        there.append(settings.outside_dir)
    if not there:
        return
    found = ", ".join(str(path) for path in there)
    if (settings.key_dir / NAME) in there:
        raise ConfigurationError(
            N_(
                "The service is set up already: {found}. Keys are never made twice, because what "
                "was encrypted to the first ones would be lost."
            ),
            found=found,
        )
    raise ConfigurationError(
        N_(
            "An earlier init did not finish. If nobody uses this installation, remove {found} and "
            "the database, and start again."
        ),
        found=found,
    )


def _make_private_file(database_url: str) -> None:
    """Make SQLite's file before SQLite does: it and its companions get this file's mode."""
    if database_url.startswith("sqlite"):
        path = Path(str(make_url(database_url).database))
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))


def _invite_first_admin(database: Database, keys: WebKeys, now: int) -> str:
    token = secrets.token_urlsafe(32)
    with database.transaction() as db:
        if db.scalars(select(Admin.id).limit(1)).first() is not None:
            raise ConfigurationError(
                N_("The database belongs to another installation: it has admins.")
            )
        people.invite(db, keys, "First admin", roles.OWNER, now, token)
    return token
