"""Passkeys of admins (WebAuthn): made and asked under this site's name, always with verification.

The library checks what the standard demands: type, challenge, origin, the hash of the name, the
flags "present" and "verified", the algorithm, the signature, and that the counter goes up. Source:
Web Authentication Level 3; ARCHITECTURE.md.
"""

from dataclasses import dataclass
from urllib.parse import urlsplit

from webauthn import verify_authentication_response, verify_registration_response
from webauthn.helpers.structs import (
    AuthenticationCredential,
    AuthenticatorAssertionResponse,
    AuthenticatorAttestationResponse,
    RegistrationCredential,
)

from escrow.config import Settings
from escrow.errors import Unauthenticated
from escrow.protocol.encoding import b64url

REFUSED = "The passkey's answer is not right, or came too late. Try once more."


@dataclass(frozen=True)
class Site:
    """Under which name passkeys are kept (`host`), and from which address they are used."""

    host: str
    origin: str

    @classmethod
    def of(cls, settings: Settings) -> "Site":
        """Return the site of an installation."""
        url = urlsplit(settings.public_url)
        return cls(url.hostname or "", f"{url.scheme}://{url.netloc}")


@dataclass(frozen=True)
class Created:
    """A new passkey: its identifier and its COSE public key."""

    credential_id: bytes
    public_key: bytes


@dataclass(frozen=True)
class Answer:
    """What a passkey signed, as the browser hands it over."""

    credential_id: bytes
    client_data: bytes
    authenticator_data: bytes
    signature: bytes


def verify_new(site: Site, challenge: bytes, client_data: bytes, attestation: bytes) -> Created:
    """Check a passkey that was just made; raises Unauthenticated."""
    response = AuthenticatorAttestationResponse(
        client_data_json=client_data, attestation_object=attestation
    )
    try:
        made = verify_registration_response(
            # The identifier stands in the attestation, and is taken from there.
            credential=RegistrationCredential(id="", raw_id=b"", response=response),
            expected_challenge=challenge,
            expected_rp_id=site.host,
            expected_origin=site.origin,
            require_user_verification=True,
        )
    except Exception:  # whatever a strange answer makes the library say, it is a no
        raise Unauthenticated(REFUSED) from None
    return Created(made.credential_id, made.credential_public_key)


def verify(site: Site, challenge: bytes, answer: Answer, public_key: bytes, sign_count: int) -> int:
    """Check a passkey's answer; returns its counter. Raises Unauthenticated."""
    response = AuthenticatorAssertionResponse(
        client_data_json=answer.client_data,
        authenticator_data=answer.authenticator_data,
        signature=answer.signature,
    )
    name = b64url(answer.credential_id)
    try:
        found = verify_authentication_response(
            credential=AuthenticationCredential(
                id=name, raw_id=answer.credential_id, response=response
            ),
            expected_challenge=challenge,
            expected_rp_id=site.host,
            expected_origin=site.origin,
            credential_public_key=public_key,
            credential_current_sign_count=sign_count,
            require_user_verification=True,
        )
    except Exception:  # whatever a strange answer makes the library say, it is a no
        raise Unauthenticated(REFUSED) from None
    return found.new_sign_count
