"""A job on another machine, over plain SSH; of ``edgetl bench --device`` and ``edgetl push``.

``address`` reads how a device is written, ``connection`` opens SSH, ``host_keys`` says who is trusted, and
``session`` talks to ``supervisor``, the one file that runs there beside edgetl itself; ``answers`` is what of
its words is believed, and ``patience`` waits for them. ``facts`` says whether a device will do, ``shipping``
and ``runtime_wheel`` what is copied to it. ``attempt`` is all of it together. docs/remote.md tells the whole.
"""
