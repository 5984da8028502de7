"""Models, settings and the adapter for applications that keep their users with SQLAlchemy."""

from belgie.alchemy.adapter import AlchemyAdapter
from belgie.alchemy.base import NAMING_CONVENTION, Base
from belgie.alchemy.mixins import (
    AccountMixin,
    OAuthStateMixin,
    PrimaryKeyMixin,
    SessionMixin,
    TimestampMixin,
    UserMixin,
)
from belgie.alchemy.settings import DatabaseRuntime, DatabaseSettings, PostgresSettings, SqliteSettings
from belgie.alchemy.types import DateTimeUTC, ScopeList, Scopes

__all__ = [
    "NAMING_CONVENTION",
    "AccountMixin",
    "AlchemyAdapter",
    "Base",
    "DatabaseRuntime",
    "DatabaseSettings",
    "DateTimeUTC",
    "OAuthStateMixin",
    "PostgresSettings",
    "PrimaryKeyMixin",
    "ScopeList",
    "Scopes",
    "SessionMixin",
    "SqliteSettings",
    "TimestampMixin",
    "UserMixin",
]
