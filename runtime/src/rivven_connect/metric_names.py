"""The names of the metrics that connectors and the engine record, and that `/metrics` shows.

The names follow https://prometheus.io/docs/practices/naming/: base units, `_total` for counters.
"""

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

FILTERED_TOTAL: Final = "rivven_connect_filtered_total"
DROPPED_TOTAL: Final = "rivven_connect_dropped_total"
DEAD_LETTERS_TOTAL: Final = "rivven_connect_dead_letters_total"
IN_FLIGHT_RECORDS: Final = "rivven_connect_in_flight_records"
IN_FLIGHT_BYTES: Final = "rivven_connect_in_flight_bytes"
CHECKPOINT_PINNED: Final = "rivven_connect_checkpoint_pinned"
CHECKPOINT_AGE_SECONDS: Final = "rivven_connect_checkpoint_age_seconds"
CIRCUIT_STATE: Final = "rivven_connect_circuit_state"
LOOP_LAG_SECONDS: Final = "rivven_connect_loop_lag_seconds"

UPTIME_SECONDS: Final = "rivven_connect_uptime_seconds"
SOURCE_EVENTS_TOTAL: Final = "rivven_connect_source_events_total"
SOURCE_ERRORS_TOTAL: Final = "rivven_connect_source_errors_total"
SOURCE_RUNNING: Final = "rivven_connect_source_running"
SINK_EVENTS_TOTAL: Final = "rivven_connect_sink_events_total"
SINK_ERRORS_TOTAL: Final = "rivven_connect_sink_errors_total"
SINK_RUNNING: Final = "rivven_connect_sink_running"
SINK_RATE_LIMITED_EVENTS_TOTAL: Final = "rivven_connect_sink_rate_limited_events_total"
SINK_RATE_LIMIT_WAIT_MS_TOTAL: Final = "rivven_connect_sink_rate_limit_wait_ms_total"
