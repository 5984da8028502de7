"""Small parts that know nothing of FastAPI or a store: crypto, scopes, URLs, addresses, time."""
