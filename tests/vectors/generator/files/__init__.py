"""One module for each vector file, of the same name; each has `cases()`."""
