"""Fine-tuning: the backbone's last blocks, or all of it, trained on from the head that was solved.

``tune.py`` says in which order things happen. ``child`` and what it imports (``network``, ``optimizer``,
``loop``) run in a process of their own and know no back end: TensorFlow, JAX and PyTorch all do.
``cutting`` needs TensorFlow, as the converters do.
"""
