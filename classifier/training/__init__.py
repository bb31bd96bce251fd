"""Makes a model package of photos: a new last layer on a model that is there, and what is known of how good it is."""
