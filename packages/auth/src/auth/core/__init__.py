"""The sign-in flow, what surrounds it, and its FastAPI edge."""
