"""What Bide costs, beside bare loops of the same durability and beside its peers: `python -m bench`."""
