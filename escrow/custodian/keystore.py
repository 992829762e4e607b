"""Where the custodian's keys are kept: the file in `key_dir`, wrapped by the keyring."""

from dataclasses import dataclass

from escrow.config import Settings
from escrow.custodian.keyring import open_keyring
from escrow.custodian.keys import CustodianKeys


@dataclass(frozen=True)
class KeyStore:
    """Reads and writes the key file; the keyring is opened for each, so no handle is kept."""

    settings: Settings

    def load(self) -> CustodianKeys:
        """Read and unwrap the keys; raises ConfigurationError."""
        return CustodianKeys.load(self.settings.key_dir, open_keyring(self.settings))

    def save(self, keys: CustodianKeys) -> None:
        """Write the file anew, in one step and durably; raises OSError, ConfigurationError."""
        keys.replace_in(self.settings.key_dir, open_keyring(self.settings))
