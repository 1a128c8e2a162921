"""``edgetl train --backbone auto``: which backbone to transfer from, within what a board can do."""
