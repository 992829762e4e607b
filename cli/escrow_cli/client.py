"""HTTP with the service: one request in, one JSON document out, every failure a sentence.

https everywhere but on a loopback address; no redirects; answers of limited size, parsed strictly.
Requests that repeat harmlessly are repeated when the service is busy (503) or the line breaks.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from escrow.clock import Clock
from escrow.i18n import N_
from escrow.protocol import call as calls
from escrow.protocol import request as requests
from escrow.protocol.encoding import b64url, dump_json, load_json
from escrow.protocol.errors import ProtocolError
from escrow_cli.errors import NotSignedIn, Unreachable
from escrow_cli.problems import problem

if TYPE_CHECKING:
    import httpx
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

PREFIX = "/api/v1"
MAX_ANSWER_BYTES = 8 * 2**20
MAX_TRIES = 6
MAX_PAUSE_SECONDS = 15
TIMEOUT_SECONDS = 30
# What is checked is what a browser is served.
_BROWSER = {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"}
_SAFE_TO_REPEAT = {"GET", "PUT", "DELETE"}


class Signer:
    """A contact's release key: signs requests in place of a session."""

    def __init__(self, custody: str, key: Ed25519PrivateKey) -> None:
        self.custody = custody
        self._key = key

    def headers(self, method: str, path: str, body: bytes, now: int) -> dict[str, str]:
        request = requests.Request(self.custody, method, path, body, now)
        return {
            "Escrow-Custody": self.custody,
            "Escrow-Time": str(now),
            "Escrow-Signature": b64url(requests.sign(request, self._key)),
        }

    def sign_nonce(self, call: str, committed: bytes, nonce: bytes) -> bytes:
        """Sign the nonce of a call (PROTOCOL.md section 10)."""
        return calls.sign_nonce(self._key, call, self.custody, committed, nonce)


class Client:
    def __init__(
        self, url: str, clock: Clock, *, locale: str = "en", transport: httpx.BaseTransport | None
    ) -> None:
        import httpx

        self.url = url
        self.host = urlsplit(url).netloc
        self.clock = clock
        self.token: str | None = None
        self.signer: Signer | None = None
        self.renew: Callable[[], object] | None = None
        self._http = httpx.Client(
            base_url=url,
            transport=transport,
            timeout=httpx.Timeout(TIMEOUT_SECONDS, connect=10),
            headers={"Accept": "application/json", "Accept-Language": locale},
        )

    def get(self, path: str, **query: str | int) -> dict[str, Any]:
        return self.send("GET", path, query=query)

    def listed(self, path: str, name: str) -> Iterator[dict[str, Any]]:
        """Yield what stands under `name` in all pages of a list, fetching them as they are read."""
        query: dict[str, str | int] = {}
        while True:
            answer = self.get(path, **query)
            yield from answer[name]
            if not answer[name] or answer["next"] is None:
                return
            query = {"after": answer["next"]}

    def post(self, path: str, body: dict[str, Any], *, repeat: bool = False) -> dict[str, Any]:
        """POST; `repeat` says that a second one does no harm."""
        return self.send("POST", path, body, repeat=repeat)

    def put(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        return self.send("PUT", path, body)

    def delete(self, path: str) -> dict[str, Any]:
        return self.send("DELETE", path)

    def send(
        self,
        method: str,
        path: str,
        body: dict[str, Any] | None = None,
        *,
        query: dict[str, str | int] | None = None,
        repeat: bool = False,
    ) -> dict[str, Any]:
        """Send one request, again where that is harmless; raises ClientError."""
        # The one serialisation: the custodian writes the body of a signed move again, to check it.
        content = b"" if body is None else dump_json(body)
        tries = MAX_TRIES if repeat or method in _SAFE_TO_REPEAT else 1
        for left in reversed(range(tries)):
            try:
                return self._signed_in(method, f"{PREFIX}/{path}", content, query or {})
            except Unreachable as error:
                if not left:
                    raise
                time.sleep(min(int(str(error.params.get("pause", 1))), MAX_PAUSE_SECONDS))
        raise AssertionError

    def fetch(self, path: str) -> tuple[bytes, Mapping[str, str]]:
        """GET a path of the site as a browser does: no session, no signature; content and headers.

        Raises ClientError.
        """
        import httpx

        try:
            answer = self._http.get(path, headers={"Accept": "text/html,*/*", **_BROWSER})
        except httpx.HTTPError as error:
            raise self._unreachable(error) from None
        if not answer.is_success:
            raise problem(answer.status_code, self._problem(answer), answer.headers)
        if len(answer.content) > MAX_ANSWER_BYTES:
            raise self._strange()
        return answer.content, answer.headers

    def _signed_in(
        self, method: str, path: str, content: bytes, query: dict[str, str | int]
    ) -> dict[str, Any]:
        """Send once; `renew`, if set, signs in again when the session has ended meanwhile."""
        try:
            return self._once(method, path, content, query)
        except NotSignedIn:
            if self.renew is None or self.signer is not None:
                raise
        renew, self.renew = self.renew, None
        renew()
        self.renew = renew
        return self._once(method, path, content, query)

    def _once(
        self, method: str, path: str, content: bytes, query: dict[str, str | int]
    ) -> dict[str, Any]:
        import httpx

        headers = {"Content-Type": "application/json"} if content else {}
        if self.signer is not None:
            headers |= self.signer.headers(method, path, content, self.clock.now())
        elif self.token is not None:
            headers["Authorization"] = f"Bearer {self.token}"
        try:
            answer = self._http.request(
                method, path, content=content, params=query, headers=headers
            )
        except httpx.HTTPError as error:
            raise self._unreachable(error) from None
        if answer.is_success:
            return self._document(answer)
        raise problem(answer.status_code, self._problem(answer), answer.headers)

    def _unreachable(self, error: Exception) -> Unreachable:
        return Unreachable(
            N_("{host} cannot be reached ({what})."),
            N_("Check your connection and try again; what was done is kept."),
            reason="unreachable",
            host=self.host,
            what=type(error).__name__,
        )

    def _strange(self) -> Unreachable:
        return Unreachable(
            N_("{host} answered something that is not of this service."),
            N_("Check --host; a login page of a network may stand in between."),
            reason="strange_answer",
            host=self.host,
        )

    def _document(self, answer: httpx.Response) -> dict[str, Any]:
        if not answer.content or answer.status_code == 204:
            return {}
        try:
            found = load_json(answer.content, "answer", MAX_ANSWER_BYTES, 8)
        except ProtocolError:
            found = None
        if not isinstance(found, dict):
            raise self._strange()
        return found

    def _problem(self, answer: httpx.Response) -> dict[str, Any]:
        if "json" not in answer.headers.get("Content-Type", ""):
            return {}
        try:
            found = load_json(answer.content, "answer", MAX_ANSWER_BYTES, 8)
        except ProtocolError:
            return {}
        return found if isinstance(found, dict) else {}
