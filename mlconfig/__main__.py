"""``python -m mlconfig``."""

from mlconfig.cli.main import main

main()
