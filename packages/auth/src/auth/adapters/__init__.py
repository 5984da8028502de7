"""What `auth` asks of a store. The adapter for SQLAlchemy is `belgie.alchemy.AlchemyAdapter`."""
