"""The protocols of users, accounts, sessions, states and adapters: the same objects as in `belgie.proto`."""

from belgie.proto import (
    AccountProtocol,
    AccountUserProtocol,
    AdapterProtocol,
    DatabaseProtocol,
    IdentityProtocol,
    OAuthStateCleanupProtocol,
    OAuthStateProtocol,
    SessionExtensionProtocol,
    SessionProtocol,
    SessionUserProtocol,
    TransactionProtocol,
    UserAccountsProtocol,
    UserProtocol,
    UserSessionsProtocol,
)

__all__ = [
    "AccountProtocol",
    "AccountUserProtocol",
    "AdapterProtocol",
    "DatabaseProtocol",
    "IdentityProtocol",
    "OAuthStateCleanupProtocol",
    "OAuthStateProtocol",
    "SessionExtensionProtocol",
    "SessionProtocol",
    "SessionUserProtocol",
    "TransactionProtocol",
    "UserAccountsProtocol",
    "UserProtocol",
    "UserSessionsProtocol",
]
