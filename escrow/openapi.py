"""The OpenAPI document, made truthful, and a page that shows it without a third party.

APIFlask derives the document from routes and models; it marks bodies optional and leaves most
errors out. Here every operation gets its required body, the exact form of its path parameters, and
every problem that it can answer with.
"""

import base64
import hashlib
from typing import Any, cast

from apiflask import APIFlask
from flask import Blueprint, Response, current_app, render_template
from werkzeug.routing import AnyConverter, Rule

from escrow.api import ID_PATTERN, PREFIX, IdConverter, IndexConverter
from escrow.protocol.encoding import MAX_INTEGER, dump_json

SECURITY_SCHEMES: dict[str, Any] = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "A session's token."},
    "cookie": {
        "type": "apiKey",
        "in": "cookie",
        "name": "__Host-escrow",
        "description": "The same token as a cookie. Unsafe methods need Sec-Fetch-Site or Origin.",
    },
    "adminCookie": {
        "type": "apiKey",
        "in": "cookie",
        "name": "__Host-escrow-admin",
        "description": "An admin's session. Unsafe methods need Sec-Fetch-Site or Origin.",
    },
    "custody": {
        "type": "apiKey",
        "in": "header",
        "name": "Escrow-Custody",
        "description": "A contact's request: the custody's identifier.",
    },
    "custodyTime": {
        "type": "apiKey",
        "in": "header",
        "name": "Escrow-Time",
        "description": "Unix seconds, at most five minutes off.",
    },
    "custodySignature": {
        "type": "apiKey",
        "in": "header",
        "name": "Escrow-Signature",
        "description": "Release-key signature over method, path, SHA-256 of the body and time.",
    },
}
PROBLEM_SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["type", "title", "status", "detail", "code"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "One sentence for people."},
        "code": {"type": "string", "description": "Stable; for programs."},
        "field": {"type": "string", "description": "malformed: which field."},
        "state": {"type": "string", "description": "wrong_state: the present one."},
        "at": {"type": "integer", "description": "too_early: from when it is possible."},
        "tries_left": {"type": "integer"},
        "retry_after": {"type": "integer", "description": "Seconds."},
    },
}
_WHY = {
    "400": "Malformed; `field` says where",
    "401": "Not signed in, or a wrong code or signature",
    "403": "A fresh authenticator code is needed, or the request came from another site",
    "404": "Nothing here, or not yours",
    "409": "In use with other contents, or not possible in this state, or too early",
    "410": "Not any more",
    "413": "Too large",
    "415": "Not application/json",
    "429": "Locked, or too many requests",
    "500": "An error of ours",
    "503": "Try again in a moment",
}
_STYLE = """
body{font:18px/1.5 system-ui,sans-serif;margin:2rem auto;padding:0 1rem;max-width:60rem;
color:#1b1b1b;background:#fdfcf9}
body{overflow-wrap:anywhere}table{display:block;overflow-x:auto}
code,pre{font-size:.9rem;overflow-x:auto;white-space:pre-wrap}
h2{margin-top:3rem;border-top:1px solid #bbb}
.method{display:inline-block;min-width:4.5rem;font-weight:bold}table{border-collapse:collapse}
td,th{text-align:left;padding:.2rem 1rem .2rem 0;vertical-align:top}
@media(prefers-color-scheme:dark){body{color:#eee;background:#161616}a{color:#9cf}}
"""
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_POLICY = (
    f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)

blueprint = Blueprint("docs", __name__, template_folder="templates")


@blueprint.get("/api/openapi.json")
def document() -> Response:
    """Serve the OpenAPI document."""
    return Response(dump_json(_document()), content_type="application/json")


@blueprint.get("/api/docs")
def page() -> Response:
    """Show the OpenAPI document to people."""
    html = render_template("api_docs.html", document=_document(), style=_STYLE)
    response = Response(html, content_type="text/html; charset=utf-8")
    response.headers["Content-Security-Policy"] = _POLICY
    return response


def _document() -> dict[str, Any]:
    app = cast(APIFlask, current_app)
    return cast(dict[str, Any], app._get_spec("json"))


def make_truthful(app: APIFlask, document: dict[str, Any]) -> dict[str, Any]:
    """Correct what the framework cannot know; returns the document."""
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    schemas.pop("ValidationError", None)
    schemas.pop("HTTPError", None)
    schemas["Problem"] = PROBLEM_SCHEMA
    rules = {
        (_path_of(rule), method.lower()): rule
        for rule in app.url_map.iter_rules()
        for method in rule.methods or ()
    }
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            _correct(operation, method, rules[path, method])
    return document


def _path_of(rule: Rule) -> str:
    return "".join(
        f"{{{data}}}" if is_dynamic else data for is_dynamic, data in rule._trace
    ).removeprefix("|")


def _correct(operation: dict[str, Any], method: str, rule: Rule) -> None:
    for parameter in operation.get("parameters", []):
        if parameter["in"] == "path":
            parameter["required"] = True
            parameter["schema"] = _schema_of(rule._converters[parameter["name"]])
    if "requestBody" in operation:
        operation["requestBody"]["required"] = True
    operation["operationId"] = rule.endpoint.replace("_api.", "_").replace(".", "_")
    responses = operation["responses"]
    for status in _statuses(operation, method, rule):
        responses[status] = _problem_response(status)
    for status in list(responses):
        if status.startswith(("4", "5")):
            responses[status] = _problem_response(status)


def _statuses(operation: dict[str, Any], method: str, rule: Rule) -> list[str]:
    found = ["400", "500", "503"]
    if rule.rule.startswith(PREFIX):
        found.append("429")
    if operation.get("security"):
        found += ["401", "403"]
    if rule.arguments:
        found.append("404")
    if method in {"post", "put", "delete"}:
        found += ["403", "409"]
        if rule.arguments:
            found.append("410")
    if "requestBody" in operation:
        found += ["413", "415"]
    return sorted(set(found))


def _problem_response(status: str) -> dict[str, Any]:
    response: dict[str, Any] = {
        "description": _WHY.get(status, "A problem"),
        "content": {
            "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}
        },
    }
    if status in {"429", "503"}:
        response["headers"] = {
            "Retry-After": {"description": "Seconds.", "schema": {"type": "string"}}
        }
    return response


def _schema_of(converter: object) -> dict[str, Any]:
    if isinstance(converter, IdConverter):
        return {"type": "string", "pattern": ID_PATTERN}
    if isinstance(converter, IndexConverter):
        return {"type": "integer", "minimum": 0, "maximum": MAX_INTEGER}
    if isinstance(converter, AnyConverter):
        return {"type": "string", "enum": sorted(converter.items)}
    return {"type": "string", "minLength": 1}
