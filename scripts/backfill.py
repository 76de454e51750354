#!/usr/bin/env python3
"""The manual backfill: the same job as `holdersync backfill`, for whoever looks for a script.

Usage: scripts/backfill.py --from 2026-10-01 --to 2026-11-01 [--plan] [--customers file:PATH]
"""

import sys

from sync.cli import main

if __name__ == "__main__":
    main(["backfill", *sys.argv[1:]])
