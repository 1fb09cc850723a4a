"""Bide beside other job systems for Python, each in an environment of its own.

The environments of the peers load `bench.peers.driver` and `bench.peers.drivers`, which need nothing else of this
repository than `bench.marks`.
"""
