"""A whole life of one deposit, and everything that is secret in it."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from pathlib import Path

from escrow.custodian.keyring import open_keyring
from escrow.custodian.keys import CustodianKeys
from escrow.deposit.models import Blob
from escrow.protocol import seal, slip39
from escrow.protocol.share import Payload
from tests.cli.person import Ended
from tests.e2e.installation import DAY_SECONDS, Installation
from tests.e2e.people import Household
from tests.support.canary import Scanner, Watcher

# Every way of escaping changes it, and it is no word of any protocol.
SECRET = 'Zoë\'s "sleutel" <β&γ> 100% /+\\ \t {}'.encode() + secrets.token_hex(8).encode()


@dataclass
class Story:
    """What happened, and what nobody but its owner may know."""

    service: Installation
    home: Household
    watched: Watcher
    opened: Ended
    recovered: Ended
    secret: bytes = field(repr=False)
    recovery_key: bytes = field(repr=False)
    payloads: dict[str, Payload] = field(repr=False)

    def scanner(self) -> Scanner:
        """Return a scanner for the secret, the recovery key and every share of it."""
        values = {f"value of the {r}'s share": p.share().value for r, p in self.payloads.items()}
        invitation = self.home.document["invitations"][0]
        return Scanner(
            {
                "secret": self.secret,
                "recovery key": self.recovery_key,
                "digits of the invitation": invitation["digits"].encode(),
                "fragment of the invitation": invitation["link"].partition("#")[2].encode(),
                **values,
            },
            {f"words of the {r}": p.words.split() for r, p in self.payloads.items()},
        )


def custodian_keys(service: Installation) -> CustodianKeys:
    """Unwrap the custodian's private keys, as whoever owns its machine can."""
    return CustodianKeys.load(service.settings.key_dir, open_keyring(service.settings))


def provider_payload(service: Installation, home: Household) -> Payload:
    """Open the provider's share with the provider's keys."""
    manifest = home.kit.manifest
    [line] = manifest.of_role("provider")
    database = service.database()
    try:
        with database.reading() as db:
            blob = db.query(Blob).filter_by(deposit=manifest.deposit, kind="provider_share").one()
            sealed = blob.data
    finally:
        database.close()
    binding = seal.Binding(manifest.deposit, line.custody, manifest.hash)
    return Payload.parse(seal.open(sealed, custodian_keys(service).sealing[0], binding))


def tell(service: Installation, directory: Path) -> Story:
    """Enrol, accept, lose the computer, recover with the kit; all under watch."""
    home = Household(service, directory, "mira@story.test")
    with Watcher() as watched:
        home.enrol(SECRET)
        home.accept()
        borrowed = home.computer("borrowed")
        kit = ("--kit", str(home.kit_path))
        opened = home.recover(borrowed, *kit)
        home.wait(3 * DAY_SECONDS + 60)
        recovered = home.recover(borrowed, *kit, "--print", "--no-newline", "--finish")
    payloads = {
        "customer": home.kit.payload,
        "contact": home.card().payload,
        "provider": provider_payload(service, home),
    }
    words = [payloads["customer"].words, payloads["contact"].words]
    return Story(service, home, watched, opened, recovered, SECRET, slip39.combine(words), payloads)
