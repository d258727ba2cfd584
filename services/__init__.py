"""The services that tests, examples and benchmarks start on the loopback interface."""
