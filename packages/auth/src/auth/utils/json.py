"""JSON from strangers."""

import json
from typing import NoReturn


def parse_json(data: bytes) -> object:
    """Return what a UTF-8 JSON text says (RFC 8259).

    Raises:
        ValueError: it is none. `NaN` and `Infinity`, which Python would read, are not JSON either; nor is a text
            that is nested too deeply to read.
    """
    try:
        return json.loads(data.decode("utf-8"), parse_constant=_refuse)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
