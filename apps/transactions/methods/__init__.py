"""Authentication methods. Each checks whether it can be initialised for a user, and stores the transaction."""
