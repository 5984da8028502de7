"""Sign-in, sessions, scopes and hooks for FastAPI applications."""
