"""The command ``econc``: ``python -m econc solve growth.econ``, or ``econc`` where the package is installed."""

from __future__ import annotations

import sys

from . import _native


def main() -> None:
    """Carries out the command line of this process and ends it with the exit status of econc."""
    sys.exit(_native.main(sys.argv[1:]))


if __name__ == "__main__":
    main()
