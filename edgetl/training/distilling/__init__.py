"""Distillation: a larger network teaches the small one on the user's pictures, labelled and not.

``wanted.py`` says who teaches and on which pictures, before the slow work. ``school.py`` is what the teacher
says of them, ``student.py`` the head that listens, and ``teach.py`` the order of it.
"""
