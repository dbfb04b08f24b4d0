"""`python -m pgvq`, the same as `pgvq`."""

import sys

from pgvq.cli import main

sys.exit(main())
