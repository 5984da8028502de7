"""Models, settings and the adapter for applications that keep their users with SQLAlchemy."""

from belgie.alchemy.adapter import AlchemyAdapter
from belgie.alchemy.base import NAMING_CONVENTION, Base
from belgie.alchemy.databases import Databases
from belgie.alchemy.mixins import (
    AccountMixin,
    OAuthStateMixin,
    PrimaryKeyMixin,
    SessionMixin,
    TimestampMixin,
    UserMixin,
)
from belgie.alchemy.settings import (
    DatabaseRuntime,
    DatabaseSettings,
    PostgresSettings,
    ReplicaSettings,
    SqliteSettings,
)
from belgie.alchemy.types import DateTimeUTC, ScopeList, Scopes

__all__ = [
    "NAMING_CONVENTION",
    "AccountMixin",
    "AlchemyAdapter",
    "Base",
    "DatabaseRuntime",
    "DatabaseSettings",
    "Databases",
    "DateTimeUTC",
    "OAuthStateMixin",
    "PostgresSettings",
    "PrimaryKeyMixin",
    "ReplicaSettings",
    "ScopeList",
    "Scopes",
    "SessionMixin",
    "SqliteSettings",
    "TimestampMixin",
    "UserMixin",
]
