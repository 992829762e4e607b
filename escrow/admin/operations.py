"""What may be approved: one line an operation, and the exact content that is signed.

The content (`body`) is a JSON document in the one serialisation. Its `nonce` is fresh for every
proposal, so that the same wish a year later is another body, and so that its hash, which stands in
the ledger, says nothing about what is in it. Source: PROTOCOL.md sections 10 to 13.
"""

import re
from dataclasses import dataclass
from typing import Any

from escrow.admin.roles import DELAY, GOVERN, ROLES
from escrow.deposit.closing import replaced_by
from escrow.i18n import N_
from escrow.protocol.encoding import (
    HASH,
    ID,
    INTEGER,
    Shape,
    binary,
    choice,
    dump_json,
    is_identifier,
    pae_hash,
    raw_id,
    read_document,
    sha256,
    text,
    write_document,
)
from escrow.protocol.errors import Malformed
from escrow.protocol.request import Approval

MAX_BODY_LENGTH_BYTES = 2048
MAX_LIFETIME_SECONDS = 7 * 86400
ACCEPT_BACKUP = "accept-backup"
ADD_ADMIN, REMOVE_ADMIN = "add-admin", "remove-admin"
ROTATE_KEY, CHANGE_WAIT = "rotate-key", "change-wait"
KEY_USES = ("ledger", "provider")
SERVICE = "service"
# Whose history in the ledger says what was approved of them.
IN_LEDGER = frozenset({"recovery", "deposit", "account"})
# A target of these is an identifier; of the others it is one of a few words, or the origin.
_IDENTIFIED = IN_LEDGER | {"admin"}
_WORDS = {"use": KEY_USES, SERVICE: (SERVICE,)}
_REASON = text(200, 1)
_RECORD = text(128)
_ADDRESS = re.compile(r"[^\s@\x00-\x1f\x7f]{1,64}@[A-Za-z0-9.-]{1,189}\Z")


@dataclass(frozen=True)
class Operation:
    """`needed` different people; `subject` names what the target is; `roles` may approve it."""

    name: str
    needed: int
    subject: str
    roles: frozenset[str]
    fields: Shape

    def fits(self, target: str) -> bool:
        """Whether a target can be what this is about: an identifier, or one of a few words."""
        if self.subject in _IDENTIFIED:
            return is_identifier(target)
        return target in _WORDS.get(self.subject, (target,))


def _operation(
    operation: str, needed: int, subject: str, /, *, roles: frozenset[str] = DELAY, **fields: Any
) -> tuple[str, Operation]:
    shape = Shape(nonce=ID, reason=_REASON, **fields)
    return operation, Operation(operation, needed, subject, roles, shape)


_MOVED: dict[str, Any] = {"from": _RECORD, "to": _RECORD}
OPERATIONS = dict(
    (
        _operation("freeze", 1, "recovery"),
        _operation("unfreeze", 2, "recovery"),
        _operation("close-deposit", 2, "deposit"),
        _operation("close-account", 2, "account"),
        _operation("move-account", 2, "account", **_MOVED),
        _operation("set-address", 2, "account", address=text(254, 3)),
        _operation(
            ADD_ADMIN,
            2,
            "admin",
            roles=GOVERN,
            name=text(80, 1),
            role=choice(*ROLES),
            credential=binary(1023, 1),
            public_key=binary(1024, 1),
        ),
        _operation(REMOVE_ADMIN, 2, "admin", roles=GOVERN),
        _operation(ROTATE_KEY, 2, "use", roles=GOVERN),
        _operation(CHANGE_WAIT, 2, SERVICE, roles=GOVERN, seconds=INTEGER),
        # Given to the custodian on the host, never through the database that it is about.
        _operation(
            ACCEPT_BACKUP, 2, "origin", roles=GOVERN, size=INTEGER, root=HASH, entries=INTEGER
        ),
    )
)
# What each is called on pages and in mails; the last one is never proposed there.
TITLES = {
    "freeze": N_("Put a recovery on hold"),
    "unfreeze": N_("Let a recovery go on"),
    "close-deposit": N_("End a key"),
    "close-account": N_("End an account"),
    "move-account": N_("Move an account to another customer record"),
    "set-address": N_("Give an account another mail address"),
    ADD_ADMIN: N_("Make somebody an admin"),
    REMOVE_ADMIN: N_("Remove an admin"),
    ROTATE_KEY: N_("Make a fresh key of the service"),
    CHANGE_WAIT: N_("Change the shortest waiting time"),
    ACCEPT_BACKUP: N_("Go on with a restored backup"),
}
BY_API = tuple(name for name in OPERATIONS if name != ACCEPT_BACKUP)


@dataclass(frozen=True)
class Proposal:
    """An operation on a target with its exact content, as it is signed."""

    operation: str
    target: str
    body: bytes
    expires: int

    @property
    def rule(self) -> Operation:
        """The operation's line in the table; raises Malformed for an unknown one."""
        found = OPERATIONS.get(self.operation)
        if found is None:
            raise Malformed("approval", "operation", "no such operation")
        return found

    @property
    def body_sha256(self) -> bytes:
        """What the signature and the ledger name."""
        return sha256(self.body)

    def contents(self) -> dict[str, Any]:
        """Read and check target and body; raises Malformed("approval")."""
        rule = self.rule
        if not rule.fits(self.target):
            is_number = rule.subject in _IDENTIFIED
            reason = "32 lower-case hex characters are needed" if is_number else "no such target"
            raise Malformed("approval", "target", reason)
        if not 1 <= len(self.target) <= 128:
            raise Malformed("approval", "target", "text of 1 to 128 characters is needed")
        found = read_document(self.body, rule.fields, "approval", MAX_BODY_LENGTH_BYTES)
        if "address" in found and not _ADDRESS.match(found["address"]):
            raise Malformed("approval", "address", "a mail address is needed")
        if any(not part.isprintable() for part in found.values() if isinstance(part, str)):
            raise Malformed("approval", reason="a character that cannot be shown")
        if replaced_by(found["reason"]) is not None:
            # The custodian's own words: it reads them as "ends because of its replacement".
            raise Malformed("approval", "reason", "only the service says that one is replaced")
        return found

    def signed(self) -> Approval:
        """What an operator signs."""
        return Approval(self.operation, self.target, self.body_sha256, self.expires)


def write_body(operation: str, contents: dict[str, Any]) -> bytes:
    """Write a body in the one serialisation."""
    return write_document(contents, OPERATIONS[operation].fields)


def approval_id(credential: str, nonce: str) -> str:
    """Return the identifier of one credential's approval of one proposal, and of its event."""
    return pae_hash("escrow/v1/approval/id", credential, raw_id(nonce))[:16].hex()


def rejection_id(body_sha256: bytes) -> str:
    """Return the identifier of the one event by which a proposal is rejected or withdrawn."""
    return pae_hash("escrow/v1/approval/rejected", body_sha256)[:16].hex()


def shown(proposal: Proposal) -> str:
    """Write the body for people, as it is signed."""
    return dump_json(proposal.rule.fields.write(proposal.contents())).decode()
