"""The strict JSON loader in front of the framework, and how it names what is wrong.

At most 256 KiB, at most six levels, no duplicate fields, no NaN, no floats; `application/json`
only. (Lone surrogates are refused by the models, which take no text that has no UTF-8 form.)
Nothing of what was sent is shown but the name of the field.
"""

import json
from contextlib import suppress
from typing import Any, NoReturn

from flask import Request, request
from werkzeug.exceptions import RequestEntityTooLarge

from escrow.errors import MalformedRequest, TooLarge, UnsupportedMediaType
from escrow.protocol.encoding import MAX_DEPTH, load_json
from escrow.protocol.errors import Malformed

MAX_BODY_LENGTH_BYTES = 256 * 1024
MAX_FIELD_NAME_LENGTH = 120


class StrictRequest(Request):
    """A request whose JSON is read by the strict loader, once, whoever asks for it."""

    max_content_length = MAX_BODY_LENGTH_BYTES
    _document: Any = None
    _is_read = False

    def get_json(self, force: bool = False, silent: bool = False, cache: bool = True) -> Any:
        """Return the parsed body; raises MalformedRequest, TooLarge, UnsupportedMediaType."""
        if not self._is_read:
            self._document = self._read_document()
            self._is_read = True
        return self._document

    def on_json_loading_failed(self, e: ValueError | None) -> NoReturn:
        """Refuse without showing what the parser says."""
        raise MalformedRequest("body")

    def body(self) -> bytes:
        """Return the raw body, bounded; raises TooLarge."""
        try:
            return self.get_data(cache=True)
        except RequestEntityTooLarge:
            raise TooLarge from None

    def _read_document(self) -> Any:
        data = self.body()
        if not data:
            raise MalformedRequest("body", "A JSON object is needed.")
        if self.mimetype != "application/json":
            raise UnsupportedMediaType
        try:
            document = load_json(data, "body", MAX_BODY_LENGTH_BYTES, MAX_DEPTH)
        except Malformed as error:
            sentence = f"The body is not right: {error.reason}."
            field = error.field or _field_given_twice(data)
            raise MalformedRequest(_shown(field), sentence) from None
        if not isinstance(document, dict):
            raise MalformedRequest("body", "A JSON object is needed.")
        return document


def _field_given_twice(data: bytes) -> str:
    """Return the first field that an object has twice; empty when that is not what is wrong."""
    found: list[str] = []

    def look(pairs: list[tuple[str, Any]]) -> None:
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                found.append(name)
                return
            seen.add(name)

    with suppress(ValueError, RecursionError):
        json.loads(data, object_pairs_hook=look)
    return found[0] if found else ""


def _shown(field: str) -> str:
    """Write a field's name so that it can be shown: it came from outside."""
    return field.encode("unicode_escape").decode("ascii")[:MAX_FIELD_NAME_LENGTH] or "body"


def field_of(detail: Any) -> tuple[str, str | None]:
    """Return (field, sentence) of the framework's validation detail."""
    for fields in detail.values() if isinstance(detail, dict) else ():
        for name, messages in fields.items():
            return _shown("body" if name == "_schema" else name), _sentence(messages)
    return "body", None


def _sentence(messages: list[str]) -> str | None:
    if not messages or messages[0].startswith("String should match pattern"):
        return "This does not have the right form."
    return messages[0].removeprefix("Value error, ")


def refuse_unknown_query(known: bool) -> None:
    """Refuse query parameters where an endpoint declares none; raises MalformedRequest."""
    if not known and request.args:
        raise MalformedRequest(_shown(next(iter(request.args))), "No such parameter.")
