"""What is in a folder of pictures that nobody has labelled: groups, a map, suggested labels."""
