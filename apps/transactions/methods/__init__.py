"""The methods by which a user can be asked: each says whether it can start, and stores what it starts."""
