"""One module a peer: how it accepts jobs, executes them, and tells of results.

A peer is installed only in the environment that its module runs in; so it is imported by name, and has no types here.
"""
