"""The protocols that belgie's packages meet at.

Five of them are needed: what a user, an account, a session and an OAuth state look like, and the adapter that
stores them. The others are optional capabilities of an adapter. This package imports the standard library only.
"""

from proto.account import AccountProtocol
from proto.account_user import AccountUserProtocol
from proto.adapter import AdapterProtocol
from proto.connection import DBConnection
from proto.database import DatabaseProtocol
from proto.email import fold_email
from proto.errors import AdapterError, BelgieError, ConflictError, InvalidValueError, UnavailableError
from proto.identity import Identity, IdentityProtocol
from proto.oauth_state import OAuthStateProtocol
from proto.oauth_state_cleanup import OAuthStateCleanupProtocol
from proto.session import SessionProtocol
from proto.session_extension import SessionExtensionProtocol
from proto.session_user import SessionUserProtocol
from proto.transaction import TransactionProtocol
from proto.user import UserProtocol
from proto.user_accounts import UserAccountsProtocol
from proto.user_sessions import UserSessionsProtocol

__all__ = [
    "AccountProtocol",
    "AccountUserProtocol",
    "AdapterError",
    "AdapterProtocol",
    "BelgieError",
    "ConflictError",
    "DBConnection",
    "DatabaseProtocol",
    "Identity",
    "IdentityProtocol",
    "InvalidValueError",
    "OAuthStateCleanupProtocol",
    "OAuthStateProtocol",
    "SessionExtensionProtocol",
    "SessionProtocol",
    "SessionUserProtocol",
    "TransactionProtocol",
    "UnavailableError",
    "UserAccountsProtocol",
    "UserProtocol",
    "UserSessionsProtocol",
    "fold_email",
]
