"""The built-in kinds, one file each.

A file defines a kind and lists its instances in ``KINDS``, where the registry finds them. Files are
imported when a DAG is parsed, so heavy libraries are imported by ``lazy_module``.
"""
