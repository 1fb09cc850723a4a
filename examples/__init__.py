"""Runnable examples of Bide, one folder each."""
