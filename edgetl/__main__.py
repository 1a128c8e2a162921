"""``python -m edgetl``: the command, where its script is not on the path."""

from edgetl.cli import main

if __name__ == "__main__":
    main(prog_name="edgetl")
