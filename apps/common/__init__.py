"""Shared building blocks of all apps: errors, codes, encryption, languages, commands. Defines no models."""
