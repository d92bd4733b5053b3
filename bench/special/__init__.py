"""Special jobs: measurements of more than one operation."""
