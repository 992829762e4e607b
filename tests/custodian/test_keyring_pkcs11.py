"""The keyring in a security module, on SoftHSM: only the hardware is simulated."""

import multiprocessing
import secrets
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pkcs11
import pytest

from escrow.config import Settings
from escrow.custodian.keyring import KeyringError, open_keyring
from escrow.custodian.keyring_pkcs11 import Pkcs11Keyring
from escrow.custodian.keys import CustodianKeys
from escrow.errors import ConfigurationError

AAD = {"format": "escrow/v1/custodian-keys", "origin": "recovery.test/ledger"}
PIN = "271828"
MODULES = (
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
    "/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so",
)


@pytest.fixture(scope="module")
def module(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The module, with tokens of its own. It reads its configuration once a process."""
    found = next((path for path in MODULES if Path(path).exists()), None)
    if found is None:
        pytest.skip("SoftHSM is missing: apt-get install softhsm2")
    directory = tmp_path_factory.mktemp("softhsm")
    (directory / "tokens").mkdir()
    path = directory / "softhsm2.conf"
    path.write_text(f"directories.tokendir = {directory / 'tokens'}\nobjectstore.backend = file\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOFTHSM2_CONF", str(path))
        yield found


@pytest.fixture
def settings(module: str, tmp_path: Path) -> Settings:
    """A fresh token, and settings that name it."""
    label = f"token-{secrets.token_hex(4)}"
    command = ["softhsm2-util", "--init-token", "--free", "--label", label]
    subprocess.run([*command, "--so-pin", PIN, "--pin", PIN], check=True, capture_output=True)
    pkcs11.lib(module).reinitialize()
    pin = tmp_path / "pin"
    pin.write_text(PIN + "\n")
    pin.chmod(0o600)
    return Settings(
        data_dir=tmp_path,
        public_url="http://localhost",
        keyring="pkcs11",
        pkcs11_module=module,
        pkcs11_token=label,
        pkcs11_pin_file=str(pin),
        demo=True,
    ).check()


@pytest.fixture
def keyring(settings: Settings) -> Pkcs11Keyring:
    found = open_keyring(settings, create=True)
    assert isinstance(found, Pkcs11Keyring)
    return found


def test_what_is_wrapped_opens_again(settings: Settings, keyring: Pkcs11Keyring) -> None:
    wrapped = keyring.wrap(b"secret", AAD)
    assert keyring.unwrap(wrapped, AAD) == b"secret"
    assert wrapped != keyring.wrap(b"secret", AAD)
    assert b"secret" not in wrapped


def test_any_change_is_refused(keyring: Pkcs11Keyring) -> None:
    wrapped = keyring.wrap(b"secret", AAD)
    changes = [wrapped[:-1], wrapped[1:], b"", wrapped[:12], bytes(64)]
    for place in range(0, len(wrapped), 5):
        changed = bytearray(wrapped)
        changed[place] ^= 1
        changes.append(bytes(changed))
    for changed_bytes in changes:
        with pytest.raises(KeyringError, match="do not open"):
            keyring.unwrap(changed_bytes, AAD)
    for aad in ({}, {**AAD, "origin": "x"}):
        with pytest.raises(KeyringError, match="do not open"):
            keyring.unwrap(wrapped, aad)
    assert keyring.unwrap(wrapped, AAD) == b"secret", "the session still works"


def test_the_key_cannot_be_taken_out(keyring: Pkcs11Keyring) -> None:
    key = keyring._key()
    assert key[pkcs11.Attribute.EXTRACTABLE] is False
    assert key[pkcs11.Attribute.SENSITIVE] is True
    with pytest.raises(pkcs11.exceptions.PKCS11Error):
        _ = key[pkcs11.Attribute.VALUE]


def test_custodian_keys_on_the_disk(settings: Settings, keyring: Pkcs11Keyring) -> None:
    settings.key_dir.mkdir()
    made = CustodianKeys.generate("recovery.test/ledger", 1)
    made.create(settings.key_dir, keyring)
    assert CustodianKeys.load(settings.key_dir, keyring).mac_key == made.mac_key


def test_the_key_is_made_once(settings: Settings, keyring: Pkcs11Keyring) -> None:
    with pytest.raises(KeyringError, match="already"):
        keyring.create()


def test_a_start_makes_no_key(settings: Settings) -> None:
    with pytest.raises(KeyringError, match="0 keys"):
        open_keyring(settings).wrap(b"x", AAD)


def test_many_threads_at_once(keyring: Pkcs11Keyring) -> None:
    """One lock, one session: concurrent calls would corrupt the module's heap."""
    start = threading.Barrier(8)

    def work(number: int) -> bool:
        start.wait()
        return all(
            keyring.unwrap(keyring.wrap(bytes([number]) * 500, AAD), AAD) == bytes([number]) * 500
            for _ in range(25)
        )

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, range(8)))


def _in_child(
    keyring: Pkcs11Keyring, wrapped: bytes, answers: "multiprocessing.Queue[bytes]"
) -> None:
    answers.put(keyring.unwrap(wrapped, AAD))


def test_a_session_is_made_after_a_fork(keyring: Pkcs11Keyring) -> None:
    wrapped = keyring.wrap(b"secret", AAD)
    forking = multiprocessing.get_context("fork")
    answers: multiprocessing.Queue[bytes] = forking.Queue()
    child = forking.Process(target=_in_child, args=(keyring, wrapped, answers))
    child.start()
    assert answers.get(timeout=30) == b"secret"
    child.join(30)
    assert keyring.unwrap(wrapped, AAD) == b"secret"


def test_wrong_places_are_sentences(settings: Settings, keyring: Pkcs11Keyring) -> None:
    from dataclasses import replace

    for wrong in (
        replace(settings, pkcs11_token="nowhere"),
        replace(settings, pkcs11_module="/nowhere.so"),
    ):
        with pytest.raises(KeyringError, match="cannot be used"):
            open_keyring(wrong).wrap(b"x", AAD)
    Path(settings.pkcs11_pin_file).write_text("000000")
    with pytest.raises(KeyringError, match="cannot be used"):
        open_keyring(settings).wrap(b"x", AAD)
    Path(settings.pkcs11_pin_file).chmod(0o644)
    with pytest.raises(ConfigurationError, match="chmod 600"):
        open_keyring(settings)
