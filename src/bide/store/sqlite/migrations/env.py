"""What Alembic runs: on the connection it is handed, inside the transaction that `run` began."""

from __future__ import annotations

from alembic import context

from bide.store.sqlite.migrations import VERSION_TABLE

context.configure(connection=context.config.attributes["connection"], version_table=VERSION_TABLE)
context.run_migrations()
