"""`python -m recdsl`."""

from recdsl.cli import main

if __name__ == "__main__":
    main()
