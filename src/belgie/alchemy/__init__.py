"""Models, settings and the adapter for applications that keep their users with SQLAlchemy."""

from belgie.alchemy.base import NAMING_CONVENTION, Base
from belgie.alchemy.mixins import (
    AccountMixin,
    OAuthStateMixin,
    PrimaryKeyMixin,
    SessionMixin,
    TimestampMixin,
    UserMixin,
)
from belgie.alchemy.types import DateTimeUTC, ScopeList, Scopes

__all__ = [
    "NAMING_CONVENTION",
    "AccountMixin",
    "Base",
    "DateTimeUTC",
    "OAuthStateMixin",
    "PrimaryKeyMixin",
    "ScopeList",
    "Scopes",
    "SessionMixin",
    "TimestampMixin",
    "UserMixin",
]
