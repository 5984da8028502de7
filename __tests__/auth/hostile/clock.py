"""The one clock that the application, the provider and the browsers of a test share."""

import time
from datetime import UTC, datetime, timedelta


class Clock:
    """Real time, moved by as many seconds as a test asks for."""

    def __init__(self) -> None:
        self.offset = 0.0

    def __call__(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=self.offset)

    def timestamp(self) -> float:
        return time.time() + self.offset

    def forget(self) -> None:
        """Let everything that is kept for an hour or less be fetched again."""
        self.advance(3601)

    def advance(self, seconds: float) -> None:
        self.offset += seconds

    def reset(self) -> None:
        self.offset = 0.0
