"""The adapter's methods, one module for each model."""
