"""What Bide costs, beside a bare sqlite3 loop of the same durability in the same run: `python -m bench`."""
