"""Client operations above calls: waiting, the same on the database and over HTTP."""
