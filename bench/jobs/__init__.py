"""Jobs: the operations of a login, measured one at a time."""
