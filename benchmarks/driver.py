"""A load driver for machines without wrk: keep-alive connections, each with one request on its way at a time."""

import argparse
import asyncio
import json
import statistics
import time
from typing import Final, override

_END: Final = b"\r\n\r\n"
_LENGTH: Final = b"content-length: "
_PERCENTILES: Final = 100


class Counts:
    """What all connections found together."""

    def __init__(self) -> None:
        self.milliseconds: list[float] = []
        self.refused = 0
        self.broken = 0
        self.is_over = False


class Connection(asyncio.Protocol):
    """Sends the request again as soon as its answer is complete."""

    def __init__(self, request: bytes, counts: Counts) -> None:
        self._request = request
        self._counts = counts
        self._received = b""
        self._sent = 0.0
        self._transport: asyncio.WriteTransport | None = None

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)  # noqa: S101  for type checkers
        self._transport = transport
        self._ask()

    @override
    def data_received(self, data: bytes) -> None:
        self._received += data
        head, end, body = self._received.partition(_END)
        if not end:
            return
        _, _, length = head.lower().partition(_LENGTH)
        if len(body) < int(length.split(b"\r\n", 1)[0]):
            return
        self._counts.milliseconds.append((time.perf_counter() - self._sent) * 1e3)
        self._counts.refused += not head.startswith(b"HTTP/1.1 200")
        self._received = b""
        self._ask()

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self._counts.broken += not self._counts.is_over

    def _ask(self) -> None:
        if self._transport is None:
            return
        if self._counts.is_over:
            self._transport.close()
            return
        self._sent = time.perf_counter()
        self._transport.write(self._request)


async def drive(port: int, cookie: str, connections: int, seconds: float) -> dict[str, float]:
    """Drive the server, and return the same figures as wrk's report."""
    request = f"GET /me HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nCookie: {cookie}\r\n\r\n".encode("ascii")
    counts = Counts()
    loop = asyncio.get_running_loop()
    start = time.perf_counter()
    made = [
        await loop.create_connection(lambda: Connection(request, counts), "127.0.0.1", port) for _ in range(connections)
    ]
    await asyncio.sleep(seconds)
    counts.is_over = True
    length = time.perf_counter() - start
    for transport, _ in made:
        transport.close()
    cuts = statistics.quantiles(counts.milliseconds, n=_PERCENTILES)
    return {
        "requests": len(counts.milliseconds),
        "seconds": length,
        "p50": cuts[49],
        "p99": cuts[98],
        "refused": counts.refused,
        "broken": counts.broken,
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--connections", type=int, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--cookie", default="")
    given = parser.parse_args()
    print(json.dumps(asyncio.run(drive(given.port, given.cookie, given.connections, given.seconds))))


if __name__ == "__main__":
    main()
