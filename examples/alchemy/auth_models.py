"""The four models that sign-in needs; an application adds its own columns to them."""

from belgie.alchemy import AccountMixin, Base, OAuthStateMixin, SessionMixin, UserMixin


class User(UserMixin, Base):
    __tablename__ = "users"


class Account(AccountMixin, Base):
    __tablename__ = "accounts"


class Session(SessionMixin, Base):
    __tablename__ = "sessions"


class OAuthState(OAuthStateMixin, Base):
    __tablename__ = "oauth_states"
