"""Run a command beside a PostgreSQL of its own: `python -m marketplace_api.embedded alembic check`.

The command finds the server in DATABASE_URL; both server and data are gone afterwards.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from marketplace_api.embedded import postgres
from marketplace_api.embedded.server import free_port


def main(command: list[str]) -> int:
    """Start, run, stop; returns the command's exit status."""
    if not command:
        print(__doc__, file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as folder:
        server = postgres.start(Path(folder), free_port())
        try:
            # The one place where this package hands an environment on.
            environment = {**os.environ, "DATABASE_URL": server.url}
            return subprocess.run(command, env=environment, check=False).returncode
        finally:
            postgres.stop(server)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
