"""The built-in connectors, one package each, generated and tested like anybody's."""
