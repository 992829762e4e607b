"""C2SP signed notes, checkpoints, verifier keys and transparency-log proofs."""

from .basics import b64, public_of, sha256, sign


def key_id(name: str, public: bytes, kind: int = 1) -> bytes:
    return sha256(name.encode() + b"\n" + bytes([kind]) + public)[:4]


def vkey(name: str, public: bytes) -> str:
    """Write an Ed25519 verifier key."""
    return name + "+" + key_id(name, public).hex() + "+" + b64(b"\x01" + public)


def signature_line(text: str, name: str, seed: bytes) -> str:
    signature = key_id(name, public_of(seed)) + sign(seed, text.encode())
    return f"\u2014 {name} {b64(signature)}\n"


def note(text: str, *signers: tuple[str, bytes]) -> str:
    """Sign a text with any number of (name, seed)."""
    return text + "\n" + "".join(signature_line(text, name, seed) for name, seed in signers)


def checkpoint(origin: str, size: int, root: bytes) -> str:
    return f"{origin}\n{size}\n{b64(root)}\n"


def tlog_proof(index: int, path: list[bytes], signed: str, extra: bytes | None = None) -> str:
    """Write a c2sp.org/tlog-proof@v1."""
    lines = ["c2sp.org/tlog-proof@v1"]
    if extra is not None:
        lines.append("extra " + b64(extra))
    lines.append(f"index {index}")
    lines += [b64(item) for item in path]
    return "\n".join(lines) + "\n\n" + signed
