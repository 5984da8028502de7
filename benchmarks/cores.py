"""Which process runs on which core: the server has one of its own, the driver and the database have the others."""

import os

_ALL = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set[int]()

#: The core of the server under test; none where cores cannot be given out.
SERVER_CORES = {min(_ALL)} if len(_ALL) > 1 else set[int]()
#: The cores of everything else.
OTHER_CORES = _ALL - SERVER_CORES if SERVER_CORES else set[int]()


def pin(process_id: int, cores: set[int]) -> None:
    """Keep a process that was just started, and all that it will start, on `cores`, where there are any."""
    if cores:
        os.sched_setaffinity(process_id, cores)
