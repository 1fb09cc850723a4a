"""What Bide costs on PostgreSQL, beside bare asyncpg loops of the same durability."""
