"""What jobs cost that wait for people: bytes on disk, and nothing else."""
