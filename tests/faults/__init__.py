"""Kills, power cuts and full disks: what is recorded of a real command, and every state it could leave.

| module | does |
| --- | --- |
| ``recorder.py`` | writes down what a command asks of the disk, with the data |
| ``states.py`` | what a kill or a power cut can leave of that, by what was flushed |
| ``failing.py`` | lets the n-th operation fail, or take only a part |
| ``scenarios.py`` | the commands: one that prepares, one that runs, one that reads |
"""
