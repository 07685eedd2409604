"""`make pictures`: the pictures of docs/pictures/, taken by a browser from evidence that is built for them."""
