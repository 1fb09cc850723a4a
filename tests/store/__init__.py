"""What is SQLite's own: the writing thread, locks between processes, wake-ups, migrations, checkpoints, plans."""
