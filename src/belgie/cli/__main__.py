"""`python -m belgie.cli` is `belgie`."""

from belgie.cli import main

main()
