"""The adapters that belgie ships, and the protocols that an adapter of one's own follows."""
