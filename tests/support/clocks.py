"""A clock that only moves when a test moves it."""


class FakeClock:
    """Tells a time that stands still until `move`."""

    def __init__(self, start: int = 1_795_000_000) -> None:
        self.time = start

    def now(self) -> int:
        return self.time

    def move(self, seconds: int) -> int:
        self.time += seconds
        return self.time
