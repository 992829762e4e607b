"""The JSON API's ground: a strict loader in front, field types, blueprints.

A body is read by the strict loader (`escrow.strict`) before any framework sees it; Pydantic models
then name the field that is wrong. Every POST and PUT takes a JSON object, every GET and
DELETE takes none; a query parameter that an endpoint does not declare is refused.

    blueprint = api_blueprint("deposit")

    class NewContact(Body):
        custody: Identifier
        nonce: Annotated[bytes, Base64.exactly(16)]
        name: Annotated[str, Text(80, 1)]

    @blueprint.post("/deposits/<id:deposit>/contacts")
    @blueprint.input(NewContact)
    @blueprint.output(ContactDocument, 201)
    @blueprint.doc(security=SESSION, responses=[409])
    def add_contact(deposit: str, json_data: NewContact) -> Result: ...
"""

import re
import unicodedata
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from apiflask import APIBlueprint
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    StringConstraints,
)
from pydantic_core import CoreSchema, core_schema
from werkzeug.routing import BaseConverter

from escrow.protocol.encoding import (
    MAX_INTEGER,
    b64url,
    b64url_decode,
)
from escrow.protocol.errors import Malformed

PREFIX = "/api/v1"
ID_PATTERN = "^[0-9a-f]{32}$"

# What a view may return: `output` turns it into the response.
Result = dict[str, Any] | tuple[dict[str, Any], int]

# Security requirements, for `doc(security=…)`. A contact signs its requests with three headers.
Security = list[str | dict[str, list[Any]]]
SESSION: Security = [{"bearer": []}, {"cookie": []}]
ADMIN: Security = [{"adminCookie": []}]
CONTACT: Security = [{"custody": [], "custodyTime": [], "custodySignature": []}]


class Body(BaseModel):
    """A JSON object, in or out: strict types, no unknown fields."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Empty(Body):
    """An object without fields."""


class Query(BaseModel):
    """Query parameters: text that must read as the declared type; none but the declared."""

    model_config = ConfigDict(extra="forbid", frozen=True)


@dataclass(frozen=True)
class Base64:
    """Bytes as canonical base64url without padding, `minimum` … `maximum` of them."""

    maximum: int
    minimum: int = 0

    @classmethod
    def exactly(cls, length: int) -> "Base64":
        """Return the type of exactly `length` bytes."""
        return cls(length, length)

    def _read(self, value: Any) -> bytes:
        if isinstance(value, bytes):
            data = value
        elif isinstance(value, str) and len(value) <= _encoded_length(self.maximum):
            try:
                data = b64url_decode(value)
            except Malformed as error:
                raise ValueError(f"base64url is needed: {error.reason}") from None
        else:
            raise ValueError(f"base64url of at most {self.maximum} bytes is needed")
        if not self.minimum <= len(data) <= self.maximum:
            raise ValueError(f"{self.minimum} to {self.maximum} bytes are needed")
        return data

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            self._read,
            serialization=core_schema.plain_serializer_function_ser_schema(
                b64url, return_schema=core_schema.str_schema()
            ),
        )

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {
            "type": "string",
            "pattern": _base64_pattern(self.minimum, self.maximum),
            "minLength": _encoded_length(self.minimum),
            "maxLength": _encoded_length(self.maximum),
        }


def _encoded_length(length: int) -> int:
    return (length * 4 + 2) // 3


def _base64_pattern(minimum: int, maximum: int) -> str:
    """Write what is canonical as a pattern: unused bits at the end are zero."""
    whole, two, three = "[A-Za-z0-9_-]", "[A-Za-z0-9_-][AQgw]", "[A-Za-z0-9_-]{2}[AEIMQUYcgkosw048]"
    if minimum == maximum:
        rest = ("", two, three)[maximum % 3]
        return f"^{whole}{{{maximum // 3 * 4}}}{rest}$"
    return f"^(?:{whole}{{4}})*(?:{two}|{three})?$"


class Text:
    """Text of `minimum` … `maximum` characters, normalised to NFC, without control characters."""

    def __init__(self, maximum: int, minimum: int = 0) -> None:
        self.maximum = maximum
        self.minimum = minimum

    def _normalise(self, value: str) -> str:
        value = unicodedata.normalize("NFC", value)
        if len(value) > self.maximum:
            raise ValueError(f"at most {self.maximum} characters, please")
        return value

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_after_validator_function(
            self._normalise,
            core_schema.str_schema(
                strict=True,
                min_length=self.minimum,
                max_length=self.maximum,
                pattern=r"^[^\x00-\x1f\x7f]*$",
            ),
        )


def _digits_only(value: str) -> str:
    return re.sub("[ -]", "", value)


Identifier = Annotated[str, StringConstraints(strict=True, pattern=ID_PATTERN)]
Integer = Annotated[int, Field(strict=True, ge=0, le=MAX_INTEGER)]
Seconds = Integer
Hash = Annotated[bytes, Base64.exactly(32)]
Signature = Annotated[bytes, Base64.exactly(64)]
Locale = Literal["nl", "en"]
Address = Annotated[
    str,
    StringConstraints(
        strict=True,
        max_length=254,
        pattern=r"^[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
        r"@[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
        r"(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*$",
    ),
]
# Six digits; spaces and dashes between them, as people copy them, are not counted.
Code = Annotated[
    str,
    StringConstraints(strict=True, pattern=r"^[0-9](?:[ -]?[0-9]){5}$"),
    AfterValidator(_digits_only),
]


class IdConverter(BaseConverter):
    """`<id:name>` in a route: an identifier, 32 lower-case hex characters."""

    regex = "[0-9a-f]{32}"
    part_isolating = True


class IndexConverter(BaseConverter):
    """`<index:name>` in a route: an integer from 0 to 2^53 − 1."""

    regex = "(?:0|[1-9][0-9]{0,15})"
    part_isolating = True

    def to_python(self, value: str) -> int:
        """Read the number; one beyond 2^53 − 1 names nothing."""
        number = int(value)
        return min(number, MAX_INTEGER)


def api_blueprint(name: str) -> APIBlueprint:
    """Make the blueprint of a domain's part of the API; routes are relative to /api/v1."""
    return APIBlueprint(f"{name}_api", "escrow", url_prefix=PREFIX, tag=name)
