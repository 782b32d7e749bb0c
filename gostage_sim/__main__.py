"""`python -m gostage_sim` is `gostage-sim`."""

from gostage_sim.cli import main

if __name__ == "__main__":
    main()
