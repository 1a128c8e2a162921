"""The report page that train, export and bench share: one HTML file, no network, no scripts.

``page.render`` puts it together from ``sections``, which are plain functions over plain values.
"""
