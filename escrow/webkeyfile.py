"""The web tier's keys on the disk: `<key_dir>/web.json`, which web and custodian read.

They are not wrapped: whoever runs the web tier's process has them anyway, and what they may do is
bounded by what the custodian refuses (PROTOCOL.md section 12).
"""

from pathlib import Path

from escrow.errors import ConfigurationError
from escrow.i18n import N_
from escrow.keyfile import create_private, read_private
from escrow.protocol.encoding import KEY, Shape, choice, read_document, write_document
from escrow.protocol.errors import ProtocolError
from escrow.webkeys import WebKeys

NAME = "web.json"
_FORMAT = "escrow/v1/web-keys"
_SHAPE = Shape(format=choice(_FORMAT), column_key=KEY, lookup_key=KEY, mac_key=KEY)


def load(key_dir: Path) -> WebKeys:
    """Read the keys; raises ConfigurationError (missing, readable by others, damaged)."""
    path = key_dir / NAME
    try:
        found = read_document(read_private(path), _SHAPE, "keys", 1024)
    except ProtocolError:
        raise ConfigurationError(
            N_("{path} is damaged: restore it from its backup"), path=path
        ) from None
    return WebKeys(found["column_key"], found["lookup_key"], found["mac_key"])


def create(key_dir: Path) -> WebKeys:
    """Make fresh keys (`escrow server init`, once); raises FileExistsError."""
    keys = WebKeys.generate()
    document = {
        "format": _FORMAT,
        "column_key": keys.column_key,
        "lookup_key": keys.lookup_key,
        "mac_key": keys.mac_key,
    }
    create_private(key_dir / NAME, write_document(document, _SHAPE))
    return keys
