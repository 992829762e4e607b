"""The vectors' operations as calls into escrow.protocol.

A vector names an operation, its input and its output (or an error). Here is what each
operation means in Python; the browser's tests have the same table for JavaScript.
`tests/vectors/README.md` lists them.
"""

from tests.protocol.operations import documents, ledgers, primitives, statements
from tests.protocol.operations.registry import OPERATIONS, raw

__all__ = ["OPERATIONS", "documents", "ledgers", "primitives", "raw", "statements"]
