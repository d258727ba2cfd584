"""Object stores of one kind or another through one interface; needs the extra `s3`.

A connector gives its config, whose names are those of the built-in s3 connectors, and gets a bucket.
"""
