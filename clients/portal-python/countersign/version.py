"""Version of the library, the only place of it."""

VERSION = "0.1.0"
