"""What may go wrong, and what Bide then does: every row of `rows.Row` is a fault, and has its tests here."""
