"""The names of the metrics that connectors and the engine record."""

from typing import Final

RECORDS_READ_TOTAL: Final = "rivven_connect_records_read_total"
RECORDS_WRITTEN_TOTAL: Final = "rivven_connect_records_written_total"
BYTES_READ_TOTAL: Final = "rivven_connect_bytes_read_total"
BYTES_WRITTEN_TOTAL: Final = "rivven_connect_bytes_written_total"
READ_LATENCY_SECONDS: Final = "rivven_connect_read_latency_seconds"
WRITE_LATENCY_SECONDS: Final = "rivven_connect_write_latency_seconds"
LAG: Final = "rivven_connect_lag"
ERRORS_TOTAL: Final = "rivven_connect_errors_total"
RETRIES_TOTAL: Final = "rivven_connect_retries_total"
CONNECTED: Final = "rivven_connect_connected"
