"""``python -m msann_sweep``."""

from msann_sweep.cli import main

if __name__ == "__main__":
    main()
