"""The service, and deposits made on it with the client itself."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.cli.desk import Desk
from tests.cli.service import Service, running

SECRET = b"correct horse\x00\xff battery\n"
_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with running(tmp_path_factory.mktemp("service")) as found:
        yield found


@dataclass
class Enrolled:
    """A customer with a deposit, and her contact Anna, who has accepted if `card` is set."""

    service: Service
    mira: Desk
    anna: Desk
    document: dict[str, Any]
    card: str = ""

    @property
    def deposit(self) -> str:
        return str(self.document["deposit"])

    @property
    def kit(self) -> str:
        return str(self.document["kit"])

    @property
    def link(self) -> str:
        return str(self.document["invitations"][0]["link"])

    @property
    def digits(self) -> str:
        return str(self.document["invitations"][0]["digits"])

    def accept(self) -> None:
        self.card = self.anna.path("card.escrow.json")
        answered = self.anna.run(
            "accept",
            "--save",
            self.card,
            ESCROW_INVITATION_LINK=self.link,
            ESCROW_INVITATION_DIGITS=self.digits,
            ESCROW_CONFIRM="y",
        )
        assert answered.status == 0, answered.stderr

    def open(self) -> Desk:
        """Open a recovery on a borrowed computer, without waiting."""
        borrowed = Desk(self.service, self.mira.home / "borrowed", self.mira.customer)
        answered = borrowed.run("recover", "--deposit", self.deposit, ESCROW_REASON="crash")
        assert answered.status == 4, answered.stderr
        return borrowed


Enrol = Callable[..., Enrolled]


@pytest.fixture
def enrol(service: Service, tmp_path: Path) -> Enrol:
    def make(*options: str, accepted: bool = False, language: str = "en") -> Enrolled:
        number = next(_numbers)
        customer = service.account(f"mira{number}@example.org")
        mira = Desk(service, tmp_path / f"mira{number}", customer, language)
        anna = Desk(service, tmp_path / f"anna{number}", None, language)
        Path(mira.path("key")).write_bytes(SECRET)
        arguments = options or ("--contact", f"Anna <anna{number}@example.org>")
        answered = mira.run(
            "enrol",
            *("--label", "Laptop backup", "--secret-file", mira.path("key")),
            *("--kit", mira.path("kit.escrow.json"), "--json"),
            *arguments,
        )
        assert answered.status == 0, answered.stderr
        found = Enrolled(service, mira, anna, answered.json())
        if accepted:
            found.accept()
        return found

    return make
