"""The web tier as a client sees it: Flask's test client at the service's public address."""

from typing import Any

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

PUBLIC_URL = "https://recovery.test"
API = "/api/v1"


class Client(FlaskClient):
    """A test client whose requests go to the public address unless they say otherwise."""

    def open(self, *args: Any, **options: Any) -> TestResponse:
        if args and isinstance(args[0], str):
            options.setdefault("base_url", PUBLIC_URL)
        return super().open(*args, **options)


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def problem(response: TestResponse, status: int, code: str) -> dict[str, Any]:
    """Check that a response is this problem; returns the document."""
    assert response.status_code == status, response.text
    assert response.content_type == "application/problem+json"
    document = response.get_json()
    assert document["code"] == code
    assert document["status"] == status
    assert document["detail"]
    return dict(document)
