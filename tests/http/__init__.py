"""The HTTP API, over real connections to a real server."""
