"""`python -m bench`: how long a login takes through Countersign, and what it costs."""

import os

# tests.servers starts what this names as soon as it is imported; the bench starts its own servers, by its own option.
os.environ["TEST_BACKEND"] = "sqlite"
