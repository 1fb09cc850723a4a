"""Which version of Bide this is."""

from importlib.metadata import version

VERSION = version("bide")
