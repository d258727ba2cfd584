r"""What every PostgreSQL connector needs; the driver, extra `postgres`, is imported by the first call.

```python
with translated("reading public.orders"), connect(config) as connection:
    (table,) = read_tables(connection, schemas=["public"], tables=["orders"])
    types = read_types(connection, [column.type_oid for column in table.columns])
```

Values look the same wherever they were read: `text_decoder` is for what COPY and logical replication
send, `row_query` has the server make JSON of rows; both give equal JSON.

| PostgreSQL | JSON |
|---|---|
| `bool` | boolean |
| `int2`, `int4`, `int8`, `oid` | integer |
| `float4`, `float8` | number; the texts `NaN`, `Infinity`, `-Infinity` |
| `numeric` | text with every digit, as PostgreSQL prints it |
| `json`, `jsonb` | the value itself |
| `timestamp` | `2026-01-01T12:00:00.123` |
| `timestamptz` | `2026-01-01T12:00:00.123+00:00`, always in UTC |
| `date` | `2026-01-01` |
| arrays | arrays of the above, nested for each dimension |
| domains | as the type below them |
| everything else | PostgreSQL's own text: `uuid`, `time`, `interval` (ISO 8601), `bytea` (`\x...`), `inet`, ranges, enums, composites, `money`, `xml`, `bit` and so on |

`infinity`, and the `BC` behind a date before our era, stay as PostgreSQL prints them.
"""

from rivven_connect.postgres._catalog import Column, Table, read_tables
from rivven_connect.postgres._connecting import connect, connection_info
from rivven_connect.postgres._decoding import text_decoder
from rivven_connect.postgres._errors import connector_error, translated
from rivven_connect.postgres._names import LONGEST_NAME_BYTES, qualified, quoted
from rivven_connect.postgres._row_json import RowDecoder, json_column, row_query
from rivven_connect.postgres._schema import column_schema, table_schema
from rivven_connect.postgres._settings import PostgresSettings, TlsSettings
from rivven_connect.postgres._threads import connected, in_thread
from rivven_connect.postgres._types import Shape, Type, Types, read_types

__all__ = [
    "LONGEST_NAME_BYTES",
    "Column",
    "PostgresSettings",
    "RowDecoder",
    "Shape",
    "Table",
    "TlsSettings",
    "Type",
    "Types",
    "column_schema",
    "connect",
    "connected",
    "connection_info",
    "connector_error",
    "in_thread",
    "json_column",
    "qualified",
    "quoted",
    "read_tables",
    "read_types",
    "row_query",
    "table_schema",
    "text_decoder",
    "translated",
]
