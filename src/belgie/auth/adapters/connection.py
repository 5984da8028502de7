"""The connection protocol: the same object as in `belgie.proto`."""

from belgie.proto import DBConnection

__all__ = ["DBConnection"]
