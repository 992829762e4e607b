"""A keyring at a cloud's key management service (AWS KMS and what speaks its API).

The context is the EncryptionContext, which the service binds as additional data and writes into its
audit log. Credentials and region come from where boto3 looks for them.
"""

from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from escrow.config import Settings
from escrow.custodian.keyring import Context, KeyringError, not_opened
from escrow.i18n import N_

_REFUSALS = {"InvalidCiphertextException", "IncorrectKeyException"}


class KmsKeyring:
    """Encrypt and Decrypt of one symmetric KMS key."""

    name = "kms"

    def __init__(self, key_id: str, client: Any) -> None:
        self._key_id = key_id
        self._client = client

    @classmethod
    def from_settings(cls, settings: Settings) -> "KmsKeyring":
        """Take the key's id or ARN, and the endpoint if it is not the usual one."""
        endpoint = settings.kms_endpoint or None
        try:
            return cls(settings.kms_key_id, boto3.client("kms", endpoint_url=endpoint))
        except (BotoCoreError, ValueError) as error:
            raise _unreachable(error) from None

    def wrap(self, plaintext: bytes, aad: Context) -> bytes:
        """Encrypt at the service, bound to `aad`; raises KeyringError. At most 4096 bytes."""
        try:
            answer = self._client.encrypt(
                KeyId=self._key_id, Plaintext=plaintext, EncryptionContext=dict(aad)
            )
        except (BotoCoreError, ClientError) as error:
            raise _unreachable(error) from None
        return bytes(answer["CiphertextBlob"])

    def unwrap(self, wrapped: bytes, aad: Context) -> bytes:
        """Decrypt at the service with this key only; raises KeyringError."""
        try:
            answer = self._client.decrypt(
                KeyId=self._key_id, CiphertextBlob=wrapped, EncryptionContext=dict(aad)
            )
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") in _REFUSALS:
                raise not_opened(self.name) from None
            raise _unreachable(error) from None
        except BotoCoreError as error:
            raise _unreachable(error) from None
        return bytes(answer["Plaintext"])


def _unreachable(error: Exception) -> KeyringError:
    return KeyringError(
        N_("The key management service cannot be used ({why})."), why=type(error).__name__
    )
