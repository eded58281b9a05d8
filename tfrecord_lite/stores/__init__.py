"""Objects by URL: what is asked of a store, and by which library it is done."""
