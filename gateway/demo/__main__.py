"""`python -m gateway.demo`."""

import sys

from gateway.demo import main

sys.exit(main())
