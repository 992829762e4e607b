"""Operators at the provider, each with a key of their own, and what they sign."""

import secrets
from dataclasses import dataclass, field, replace
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from escrow.admin import operations
from escrow.admin.models import Approval
from escrow.admin.operations import Proposal
from escrow.context import Web
from escrow.custodian.service import Custodian
from escrow.operators import Operator, OperatorKey
from escrow.protocol.encoding import b64url
from escrow.protocol.request import sign_approval
from tests.support.people import Answer
from tests.support.world import World

DAY = 86400


def new_operator(name: str) -> OperatorKey:
    return OperatorKey(name, Ed25519PrivateKey.generate())


@dataclass
class Office:
    """`alarms` collects the reasons that the custodian named to the operators."""

    world: World
    anna: OperatorKey
    piet: OperatorKey
    alarms: list[str] = field(default_factory=list)

    @classmethod
    def open(cls, world: World) -> "Office":
        office = cls(world, new_operator("anna"), new_operator("piet"))
        office.employ(office.anna.operator, office.piet.operator)
        office.listen(world.custodian)
        return office

    def employ(self, *operators: Operator) -> None:
        """Name operators in the settings of both processes."""
        world = self.world
        world.settings = replace(world.settings, operators=operators)
        world.custodian.settings = world.settings
        world.app.extensions["escrow"] = Web(
            world.settings, world.database, world.web_keys, world.clock
        )

    def listen(self, custodian: Custodian) -> None:
        def alarm(message: str, **where: object) -> None:
            self.alarms.append(str(where.get("reason", message)))

        custodian.alarm = alarm  # type: ignore[method-assign]

    def propose(self, operation: str, target: str, **given: Any) -> Proposal:
        expires = given.pop("expires", self.world.clock.now() + DAY)
        contents = {"nonce": secrets.token_hex(16), "reason": "Asked at the desk.", **given}
        return Proposal(operation, target, operations.write_body(operation, contents), expires)

    def post(self, proposal: Proposal, by: OperatorKey, **changes: Any) -> Answer:
        """Send an approval by the API."""
        document = {
            "operation": proposal.operation,
            "target": proposal.target,
            "body": b64url(proposal.body),
            "expires": proposal.expires,
            "credential": by.operator.credential,
            "signature": b64url(sign_approval(proposal.signed(), by.key)),
        }
        return self.world.http().post("/approvals", document | changes)

    def approve(self, proposal: Proposal, *by: OperatorKey) -> list[str]:
        """Send approvals and let the custodian decide; returns their identifiers."""
        found = [str(self.post(proposal, key).ok()["approval"]) for key in by]
        self.world.run()
        return found

    def row(self, identifier: str) -> Approval:
        with self.world.database.reading() as db:
            row = db.get_one(Approval, identifier)
            db.expunge(row)
        return row

    def change(self, identifier: str, **columns: Any) -> None:
        """Write columns as somebody with the database alone can."""
        with self.world.database.transaction() as db:
            row = db.get_one(Approval, identifier)
            for name, value in columns.items():
                setattr(row, name, value)
