"""OpenAPI 3.0, OpenAPI 3.1 and Swagger 2.0 -> a manifest."""

from rivven_generator.importers.openapi.importing import import_openapi

__all__ = ["import_openapi"]
