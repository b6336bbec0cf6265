"""The language that selects nodes, ``power_state=off and health!=OK and extra.rack=r1 and age>120``.

It is parsed without a database: :mod:`words`, :mod:`parsing`, :mod:`tree` and :mod:`fields`. Only
:mod:`compiling` turns it into SQL, which selects the same nodes in every database.
"""
