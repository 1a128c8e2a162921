"""Measuring a bundle: latency, memory and the state of the machine while it was measured.

``measure`` starts one ``worker`` process per variant, thread count and round; ``stats`` turns its raw times
into figures, ``results`` holds both, ``checks`` says where they are weak, ``summary`` prints them. What each
figure means stands in README.md beside this file.
"""
