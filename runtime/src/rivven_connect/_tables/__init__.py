"""What every sink that writes rows to tables does alike, whatever dialect of SQL it speaks.

A dialect brings its statements, the forms of its values and its session; what the events of a stream
come to, what names a row, and which columns and tables are our own is said here once.
"""
