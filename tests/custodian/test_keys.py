"""Keys on the disk: private, wrapped, bound to their place, never made by a start."""

import json
from pathlib import Path

import pytest

from escrow import keyfile, webkeyfile
from escrow.config import Settings
from escrow.custodian.keyring import FileKeyring, KeyringError, aad_bytes, open_keyring
from escrow.custodian.keys import NAME, CustodianKeys
from escrow.errors import ConfigurationError
from escrow.protocol.encoding import b64url, b64url_decode

ORIGIN = "localhost:8080/ledger"
DAY = 86400


@pytest.fixture
def keyring(tmp_path: Path) -> FileKeyring:
    return FileKeyring.create(tmp_path / "keyring.key")


@pytest.fixture
def keys(tmp_path: Path, keyring: FileKeyring) -> CustodianKeys:
    found = CustodianKeys.generate(ORIGIN, 1000)
    found.create(tmp_path, keyring)
    return found


def same(a: CustodianKeys, b: CustodianKeys) -> bool:
    return (
        a.mac_key == b.mac_key
        and [s.verifier for s in a.ledger] == [s.verifier for s in b.ledger]
        and a.ledger_since == b.ledger_since
        and a.sealing == b.sealing
        and a.sealing_since == b.sealing_since
    )


def test_what_was_written_is_read_again(
    tmp_path: Path, keys: CustodianKeys, keyring: FileKeyring
) -> None:
    assert same(CustodianKeys.load(tmp_path, keyring), keys)
    later = keys.with_new_ledger_key(2000).with_new_sealing_key(3000)
    later.replace_in(tmp_path, FileKeyring.load(tmp_path / "keyring.key"))
    found = CustodianKeys.load(tmp_path, keyring)
    assert same(found, later)
    assert found.ledger[1].verifier == keys.signer.verifier
    assert (found.origin, found.ledger_since) == (ORIGIN, (2000, 1000))


def test_earlier_sealing_keys_are_accepted_for_as_long_as_asked(keys: CustodianKeys) -> None:
    second = keys.with_new_sealing_key(2000)
    third = second.with_new_sealing_key(3000)
    one, two, three = keys.provider_key, second.provider_key, third.provider_key
    assert third.accepted_since(3000) == [three]
    assert third.accepted_since(2999) == [three, two]
    assert third.accepted_since(2000) == [three, two]
    assert third.accepted_since(1999) == [three, two, one]


def test_key_material_is_not_in_the_file_and_in_no_repr(
    tmp_path: Path, keys: CustodianKeys, keyring: FileKeyring
) -> None:
    web_keys = webkeyfile.create(tmp_path)
    content = (tmp_path / NAME).read_bytes()
    shown = repr((keys, keyring, web_keys))
    for secret in (keys.mac_key, keys.sealing[0].seed, keys.signer.key.private_bytes_raw()):
        assert secret not in content
        assert b64url(secret).encode() not in content
        assert repr(secret) not in shown
    for secret in (keyring.key, web_keys.mac_key, web_keys.column_key, web_keys.lookup_key):
        assert repr(secret) not in shown


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o660, 0o644, 0o610])
@pytest.mark.parametrize("name", [NAME, "keyring.key", webkeyfile.NAME])
def test_a_key_file_that_is_open_to_others_is_refused(
    tmp_path: Path, keys: CustodianKeys, name: str, mode: int
) -> None:
    webkeyfile.create(tmp_path)
    (tmp_path / name).chmod(mode)
    with pytest.raises(ConfigurationError, match="chmod 600"):
        webkeyfile.load(tmp_path)
        CustodianKeys.load(tmp_path, FileKeyring.load(tmp_path / "keyring.key"))


def test_a_key_file_of_another_user_is_refused(
    tmp_path: Path, keys: CustodianKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / NAME
    owner = path.stat().st_uid
    if owner == 0:
        import os

        os.chown(path, 65534, 65534)
    monkeypatch.setattr("os.geteuid", lambda: 12345)
    with pytest.raises(ConfigurationError, match="another user"):
        keyfile.read_private(path)


def test_a_start_never_makes_a_key(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, public_url="http://localhost", demo=True)
    settings.key_dir.mkdir()
    with pytest.raises(ConfigurationError, match="is missing"):
        open_keyring(settings)
    with pytest.raises(ConfigurationError, match="is missing"):
        webkeyfile.load(settings.key_dir)
    keyring = FileKeyring.create(settings.key_dir / "keyring.key")
    with pytest.raises(ConfigurationError, match="is missing"):
        CustodianKeys.load(settings.key_dir, keyring)
    assert [path.name for path in settings.key_dir.iterdir()] == ["keyring.key"]


def test_no_key_is_made_twice(tmp_path: Path, keys: CustodianKeys, keyring: FileKeyring) -> None:
    webkeyfile.create(tmp_path)
    with pytest.raises(FileExistsError):
        keys.create(tmp_path, keyring)
    with pytest.raises(FileExistsError):
        FileKeyring.create(tmp_path / "keyring.key")
    with pytest.raises(FileExistsError):
        webkeyfile.create(tmp_path)


def test_another_keyring_does_not_open_them(tmp_path: Path, keys: CustodianKeys) -> None:
    other = FileKeyring.create(tmp_path / "other.key")
    with pytest.raises(KeyringError, match="do not belong together"):
        CustodianKeys.load(tmp_path, other)


def test_wrapped_keys_are_bound_to_their_ledger(
    tmp_path: Path, keys: CustodianKeys, keyring: FileKeyring
) -> None:
    document = json.loads((tmp_path / NAME).read_bytes())
    document["origin"] = "elsewhere/ledger"
    (tmp_path / NAME).write_text(json.dumps(document, separators=(",", ":")))
    with pytest.raises(KeyringError, match="do not belong together"):
        CustodianKeys.load(tmp_path, keyring)


def test_any_changed_byte_is_noticed(keyring: FileKeyring) -> None:
    aad = {"format": "x", "origin": "y"}
    wrapped = keyring.wrap(b"secret", aad)
    assert keyring.unwrap(wrapped, aad) == b"secret"
    assert wrapped != keyring.wrap(b"secret", aad)
    for place in range(len(wrapped)):
        changed = bytearray(wrapped)
        changed[place] ^= 1
        with pytest.raises(KeyringError):
            keyring.unwrap(bytes(changed), aad)
    for length in range(len(wrapped)):
        with pytest.raises(KeyringError):
            keyring.unwrap(wrapped[:length], aad)
    for other in ({"format": "x"}, {"format": "x", "origin": "z"}, {"format": "xo", "rigin": "y"}):
        with pytest.raises(KeyringError):
            keyring.unwrap(wrapped, other)


def test_contexts_are_written_in_one_way() -> None:
    assert aad_bytes({"a": "1", "b": "2"}) == aad_bytes({"b": "2", "a": "1"})
    assert aad_bytes({"a": "1", "b": "2"}) != aad_bytes({"a": "1b", "": "2"})


@pytest.mark.parametrize("name", [NAME, webkeyfile.NAME, "keyring.key"])
@pytest.mark.parametrize("damage", [b"", b"{}", b"\xff" * 31, b'{"format":1}'])
def test_a_damaged_file_is_a_sentence(
    tmp_path: Path, keys: CustodianKeys, name: str, damage: bytes
) -> None:
    webkeyfile.create(tmp_path)
    (tmp_path / name).write_bytes(damage)
    with pytest.raises(ConfigurationError, match="is damaged"):
        webkeyfile.load(tmp_path)
        CustodianKeys.load(tmp_path, FileKeyring.load(tmp_path / "keyring.key"))


def test_the_settings_must_name_the_keyring_that_wrapped_them(
    tmp_path: Path, keys: CustodianKeys
) -> None:
    class Other:
        name = "kms"

        def wrap(self, plaintext: bytes, aad: object) -> bytes:
            return plaintext

        def unwrap(self, wrapped: bytes, aad: object) -> bytes:
            return wrapped

    with pytest.raises(ConfigurationError, match=r"“file”.*“kms”"):
        CustodianKeys.load(tmp_path, Other())


def test_replacing_leaves_the_old_file_or_the_new_one(
    tmp_path: Path,
    keys: CustodianKeys,
    keyring: FileKeyring,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", killed)
    with pytest.raises(KeyboardInterrupt):
        keys.with_new_sealing_key(2000).replace_in(tmp_path, keyring)
    monkeypatch.undo()
    assert same(CustodianKeys.load(tmp_path, keyring), keys)


def test_web_keys_are_read_again(tmp_path: Path) -> None:
    made = webkeyfile.create(tmp_path)
    assert webkeyfile.load(tmp_path) == made
    assert (tmp_path / webkeyfile.NAME).stat().st_mode & 0o777 == 0o600
    assert len({made.mac_key, made.column_key, made.lookup_key}) == 3
    assert b64url_decode(json.loads((tmp_path / webkeyfile.NAME).read_bytes())["mac_key"])
