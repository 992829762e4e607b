"""The protocol `escrow/v1`: pure functions, no clock, no network, no database.

One module per concept; each module's docstring is the specification of its format. The browser
carries the same files under the same names, and both walk the vectors in `tests/vectors/`.

Order of reading: encoding, slip39, keys, envelope, manifest, share, kit, seal, invitation, wrap,
attestation, call, release, request, tree, note, ledger, qr, prime_shares.
"""
