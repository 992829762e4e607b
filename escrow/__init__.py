"""Key escrow and recovery: no single party can decrypt, a quorum always can."""

__version__ = "0.1.0"
