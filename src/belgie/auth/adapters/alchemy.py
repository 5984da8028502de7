"""The adapter for SQLAlchemy: the same class as `belgie.alchemy.AlchemyAdapter`."""

from belgie.alchemy import AlchemyAdapter

__all__ = ["AlchemyAdapter"]
