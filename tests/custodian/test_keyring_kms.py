"""The keyring at a cloud's key service: the real client, speaking to a small service of our own."""

import base64
import json
import secrets
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from escrow.config import Settings
from escrow.custodian.keyring import KeyringError, open_keyring
from escrow.custodian.keyring_kms import KmsKeyring
from escrow.custodian.keys import CustodianKeys

AAD = {"format": "escrow/v1/custodian-keys", "origin": "recovery.test/ledger"}
KEY_ID = "arn:aws:kms:eu-west-1:111122223333:key/1234"


class Refusal(Exception):
    """What the service answers with status 400."""


class Service(ThreadingHTTPServer):
    """Encrypt and Decrypt as AWS KMS documents them (JSON 1.1), for one or more keys."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.keys = {KEY_ID: AESGCM(secrets.token_bytes(32))}
        self.calls: list[tuple[str, dict[str, Any]]] = []

    def encrypt(self, asked: dict[str, Any]) -> dict[str, Any]:
        key = self._key(asked)
        nonce = secrets.token_bytes(12)
        plain = base64.b64decode(asked["Plaintext"])
        body = key.encrypt(nonce, plain, _context(asked))
        name = asked["KeyId"].encode()
        blob = bytes([len(name)]) + name + nonce + body
        return {"CiphertextBlob": base64.b64encode(blob).decode(), "KeyId": asked["KeyId"]}

    def decrypt(self, asked: dict[str, Any]) -> dict[str, Any]:
        key = self._key(asked)
        blob = base64.b64decode(asked["CiphertextBlob"])
        name, rest = blob[1 : 1 + blob[0]].decode("latin-1"), blob[1 + blob[0] :]
        if name != asked["KeyId"]:
            raise Refusal("IncorrectKeyException")
        try:
            plain = key.decrypt(rest[:12], rest[12:], _context(asked))
        except (InvalidTag, ValueError):
            raise Refusal("InvalidCiphertextException") from None
        return {"Plaintext": base64.b64encode(plain).decode(), "KeyId": asked["KeyId"]}

    def _key(self, asked: dict[str, Any]) -> AESGCM:
        if asked["KeyId"] not in self.keys:
            raise Refusal("NotFoundException")
        return self.keys[asked["KeyId"]]


def _context(asked: dict[str, Any]) -> bytes:
    return json.dumps(asked.get("EncryptionContext", {}), sort_keys=True).encode()


class Handler(BaseHTTPRequestHandler):
    server: Service

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        verb = self.headers["X-Amz-Target"].removeprefix("TrentService.")
        self.server.calls.append((verb, asked))
        try:
            answer, status = getattr(self.server, verb.lower())(asked), 200
        except Refusal as refusal:
            answer, status = {"__type": str(refusal), "message": "no"}, 400
        body = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/x-amz-json-1.1")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    found = Service()
    thread = threading.Thread(target=found.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield found
    found.shutdown()
    thread.join()
    found.server_close()


@pytest.fixture
def settings(service: Service, tmp_path: Path) -> Settings:
    return Settings(
        data_dir=tmp_path,
        public_url="http://localhost",
        keyring="kms",
        kms_key_id=KEY_ID,
        kms_endpoint=f"http://127.0.0.1:{service.server_port}",
        demo=True,
    ).check()


@pytest.fixture
def keyring(settings: Settings) -> KmsKeyring:
    found = open_keyring(settings, create=True)
    assert isinstance(found, KmsKeyring)
    return found


def test_the_context_is_bound_and_goes_to_the_audit_log(
    service: Service, keyring: KmsKeyring
) -> None:
    wrapped = keyring.wrap(b"secret", AAD)
    assert keyring.unwrap(wrapped, AAD) == b"secret"
    assert [verb for verb, _ in service.calls] == ["Encrypt", "Decrypt"]
    for _, asked in service.calls:
        assert asked["EncryptionContext"] == AAD
        assert asked["KeyId"] == KEY_ID
    for aad in ({}, {**AAD, "origin": "x"}):
        with pytest.raises(KeyringError, match="do not open"):
            keyring.unwrap(wrapped, aad)
    with pytest.raises(KeyringError, match="do not open"):
        keyring.unwrap(wrapped[:-1], AAD)


def test_bytes_of_another_key_are_refused(
    service: Service, settings: Settings, keyring: KmsKeyring
) -> None:
    """Decrypt names the key, so that nobody swaps in bytes of a key of his own."""
    own = KEY_ID[:-1] + "5"
    service.keys[own] = AESGCM(secrets.token_bytes(32))
    foreign = KmsKeyring(own, keyring._client).wrap(b"swapped", AAD)
    with pytest.raises(KeyringError, match="do not open"):
        keyring.unwrap(foreign, AAD)


def test_custodian_keys_on_the_disk(settings: Settings, keyring: KmsKeyring) -> None:
    settings.key_dir.mkdir()
    made = CustodianKeys.generate("recovery.test/ledger", 1)
    made.create(settings.key_dir, keyring)
    assert CustodianKeys.load(settings.key_dir, keyring).mac_key == made.mac_key


def test_all_the_keys_that_may_be_kept_fit_into_one_call(
    service: Service, settings: Settings, keyring: KmsKeyring
) -> None:
    from escrow.custodian.keys import MAX_KEYS

    keys = CustodianKeys.generate("recovery.test/ledger", 2**40)
    for _ in range(MAX_KEYS - 1):
        keys = keys.with_new_ledger_key(2**40).with_new_sealing_key(2**40)
    settings.key_dir.mkdir()
    keys.create(settings.key_dir, keyring)
    assert len(base64.b64decode(service.calls[-1][1]["Plaintext"])) <= 4096
    assert CustodianKeys.load(settings.key_dir, keyring).sealing == keys.sealing


def test_a_service_that_is_away_or_refuses_us_is_a_sentence(
    service: Service, settings: Settings, keyring: KmsKeyring
) -> None:
    from dataclasses import replace

    wrapped = keyring.wrap(b"secret", AAD)
    service.keys.clear()
    with pytest.raises(KeyringError, match="cannot be used"):
        keyring.wrap(b"x", AAD)
    with pytest.raises(KeyringError, match="cannot be used"):
        keyring.unwrap(wrapped, AAD)
    away = open_keyring(replace(settings, kms_endpoint="http://127.0.0.1:1"))
    with pytest.raises(KeyringError, match="cannot be used"):
        away.unwrap(wrapped, AAD)
    with pytest.raises(KeyringError, match="cannot be used"):
        open_keyring(replace(settings, kms_endpoint="nonsense"))
