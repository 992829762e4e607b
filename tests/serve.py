"""The service as real processes, with a movable clock and a mail server: for any test.

    with Service(tmp_path) as s:
        httpx.get(f"{s.url}/healthz")
        s.move_clock(3 * 86400)

Web under granian and the custodian run from the tests' own entry modules (`tests.e2e.web`,
`tests.e2e.custodian`), which hand in a clock that adds what a file says. Nothing in the installed
package can move time.
"""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

from tests.e2e import installation
from tests.e2e.installation import Installation
from tests.support.mailbox import text_of


class Service:
    """A running service; `database_url` empty is the embedded SQLite file."""

    def __init__(self, directory: Path, database_url: str = "") -> None:
        self._directory = directory
        self._database_url = database_url
        self._stack = ExitStack()
        self._made: Installation | None = None

    def __enter__(self) -> Service:
        running = installation.running(self._directory, self._database_url)
        self._made = self._stack.enter_context(running)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    @property
    def installation(self) -> Installation:
        """Everything else there is: settings, database, processes, the mail server."""
        assert self._made is not None
        return self._made

    @property
    def url(self) -> str:
        return self.installation.url

    def move_clock(self, seconds: int) -> None:
        """Let time pass, in steps of less than 36 hours that the ledger follows."""
        self.installation.pass_time(seconds)

    def mails(self) -> list[tuple[str, str]]:
        """Return (recipient, text) of every mail that the next server took."""
        return [(address, text_of(mail)) for address, mail in self.installation.office.mails]

    def kill_custodian(self) -> None:
        """End the custodian as a power cut does."""
        self.installation.kill("custodian")

    def start_custodian(self) -> None:
        self.installation.start("custodian")

    def logs(self) -> str:
        return self.installation.log()
