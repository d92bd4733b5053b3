"""`python -m bench` measures the duration and the cost of logins through Countersign."""

import os
import warnings

# tests.servers starts this backend on import. The bench starts its own servers.
os.environ.setdefault("TEST_BACKEND", "sqlite")
# The package with PostgreSQL warns on import about the directory of its lock.
warnings.filterwarnings("ignore", message="XDG_RUNTIME_DIR is not set")
