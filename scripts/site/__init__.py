"""`make site`: the documents as a site for each kind of reader, which opens from a folder without a network."""
