"""The columns that belgie needs, as mixins for an application's own models."""

from belgie.alchemy.mixins.account import AccountMixin
from belgie.alchemy.mixins.oauth_state import OAuthStateMixin
from belgie.alchemy.mixins.primary_key import PrimaryKeyMixin
from belgie.alchemy.mixins.session import SessionMixin
from belgie.alchemy.mixins.timestamps import TimestampMixin
from belgie.alchemy.mixins.user import UserMixin

__all__ = [
    "AccountMixin",
    "OAuthStateMixin",
    "PrimaryKeyMixin",
    "SessionMixin",
    "TimestampMixin",
    "UserMixin",
]
