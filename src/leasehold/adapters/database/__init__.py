"""The relational database: schema, ledger, views and queue, for SQLite and PostgreSQL from one source."""
