"""`python -m bench`: how long a login takes through Countersign, and what it costs."""

import os
import warnings

# tests.servers starts what this names as soon as it is imported; the bench starts its own servers, by its own option.
os.environ["TEST_BACKEND"] = "sqlite"
# The package that brings PostgreSQL says on import where it keeps its lock.
warnings.filterwarnings("ignore", message="XDG_RUNTIME_DIR is not set")
