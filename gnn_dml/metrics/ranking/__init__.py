"""The inside of the retrieval metrics and of nearest neighbours: exact ranks in bounded memory."""
