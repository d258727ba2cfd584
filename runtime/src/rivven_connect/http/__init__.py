"""The one HTTP client of all connectors; needs the extra `http` once a client is made.

```python
async def open(self, config):
    self._client = HttpClient(config.url, headers={"X-Team": "data"}, auth=bearer(config.token))

async def close(self):
    await self._client.close()

answer = await self._client.request("POST", config.url, body=b"{}")
```

Nothing is taken from the environment: no proxy, no `.netrc`. No cookie is kept. Nothing is sent to
anybody but the origin that the client is for.
"""

from rivven_connect._network import (
    NetworkPolicy,
    NotPublicError,
    network_policy,
    set_network_policy,
)
from rivven_connect.http._auth import api_key, basic, bearer
from rivven_connect.http._client import HttpClient, HttpLimits
from rivven_connect.http._links import link_url
from rivven_connect.http._message import Headers, HttpResponse, Query
from rivven_connect.http._oauth import ClientCredentials
from rivven_connect.http._statuses import retry_after_seconds
from rivven_connect.http._urls import same_origin_url

__all__ = [
    "ClientCredentials",
    "Headers",
    "HttpClient",
    "HttpLimits",
    "HttpResponse",
    "NetworkPolicy",
    "NotPublicError",
    "Query",
    "api_key",
    "basic",
    "bearer",
    "link_url",
    "network_policy",
    "retry_after_seconds",
    "same_origin_url",
    "set_network_policy",
]
