"""Database wiring."""
