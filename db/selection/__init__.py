"""The language that chooses nodes, ``power_state=off and health!=OK and extra.rack=r1 and age>120``.

It is read without a database: :mod:`words`, :mod:`parsing`, :mod:`tree` and :mod:`fields`. Only
:mod:`compiling` makes SQL of it, the same result for the same nodes in every database.
"""
