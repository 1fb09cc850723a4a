"""What Alembic runs: it writes SQL only, which `run` then executes in a transaction of its own."""

from __future__ import annotations

from alembic import context

from bide.store.postgres.migrations import VERSION_TABLE

context.configure(
    dialect_name="postgresql",
    version_table=VERSION_TABLE,
    version_table_schema=context.config.attributes["schema"],
    output_buffer=context.config.attributes["output"],
    # Its own BEGIN and COMMIT stay out: the transaction is around it.
    transactional_ddl=False,
)
context.run_migrations()
