"""The protocols' former place, kept for those who import from here: the same objects as in `proto`."""

from proto import (
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
