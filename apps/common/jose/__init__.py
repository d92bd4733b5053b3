"""Signed JWTs of other parties (RFC 7519) and the public keys that verify them (RFC 7517)."""
