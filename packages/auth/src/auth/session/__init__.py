"""Sessions and the cookie that names them."""

from auth.session.cookie import SessionCookie
from auth.session.manager import SessionManager

__all__ = ["SessionCookie", "SessionManager"]
