"""Where jobs are kept: one protocol (`base`), one folder a database."""
