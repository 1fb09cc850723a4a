"""Every write crashed: a scenario that reaches all of the store, killed before and after each of its commits."""
