"""belgie: the authentication toolkit for FastAPI."""
