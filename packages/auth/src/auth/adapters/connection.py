"""The connection protocol's former place, kept for those who import from here: the same object as in `proto`."""

from proto import DBConnection

__all__ = ["DBConnection"]
