"""The contract classes that generated tests inherit.

```python
class TestContract(SourceContract):
    connector = GithubIssues
    examples = {"minimal": {...}}
```

Each test opens connectors of its own. The fixture `config` is the project's, in `tests/conftest.py`.
"""

from rivven_connect.testing._contract import Contract
from rivven_connect.testing._sink_contract import SinkContract
from rivven_connect.testing._source_contract import SourceContract
from rivven_connect.testing._transform_contract import TransformContract

__all__ = ["Contract", "SinkContract", "SourceContract", "TransformContract"]
