"""What the tests of limits share."""

from collections.abc import Callable

import pytest

from escrow.protocol.errors import ProtocolError


def refused(code: str, function: Callable[..., object], *given: object) -> None:
    with pytest.raises(ProtocolError) as caught:
        function(*given)
    assert caught.value.code == code
