"""Countersign. This is the only place of its version number."""

VERSION = "1.0.0"
