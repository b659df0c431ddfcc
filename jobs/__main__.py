"""``python -m jobs``: also the application file that spark-submit runs."""

import sys

from jobs.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
