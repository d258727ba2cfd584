"""Names that derived identifiers must avoid, frozen so that any Python gives the same output."""

from __future__ import annotations


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


STANDARD_LIBRARY = _words(
    """
    abc aifc annotationlib antigravity argparse array ast asynchat asyncio asyncore atexit audioop
    base64 bdb binascii bisect builtins bz2 calendar cgi cgitb chunk cmath cmd code codecs codeop
    collections colorsys compileall compression concurrent configparser contextlib contextvars copy
    copyreg crypt csv ctypes curses dataclasses datetime dbm decimal difflib dis distutils doctest
    email encodings ensurepip enum errno faulthandler fcntl filecmp fileinput fnmatch fractions
    ftplib functools gc genericpath getopt getpass gettext glob graphlib grp gzip hashlib heapq hmac
    html http idlelib imaplib imghdr imp importlib inspect io ipaddress itertools json keyword
    lib2to3 linecache locale logging lzma mailbox mailcap marshal math mimetypes mmap modulefinder
    msilib msvcrt multiprocessing netrc nis nntplib nt ntpath nturl2path numbers opcode operator
    optparse os ossaudiodev pathlib pdb pickle pickletools pipes pkgutil platform plistlib poplib
    posix posixpath pprint profile pstats pty pwd py_compile pyclbr pydoc pydoc_data pyexpat queue
    quopri random re readline reprlib resource rlcompleter runpy sched secrets select selectors
    shelve shlex shutil signal site smtpd smtplib sndhdr socket socketserver spwd sqlite3
    sre_compile sre_constants sre_parse ssl stat statistics string stringprep struct subprocess
    sunau symtable sys sysconfig syslog tabnanny tarfile telnetlib tempfile termios textwrap this
    threading time timeit tkinter token tokenize tomllib trace traceback tracemalloc tty turtle
    turtledemo types typing unicodedata unittest urllib uu uuid venv warnings wave weakref
    webbrowser winreg winsound wsgiref xdrlib xml xmlrpc zipapp zipfile zipimport zlib zoneinfo
    """
)
"""Importable top-level modules of Python 3.11 to 3.14, whichever of them is running."""

OWN_MODULES = frozenset({"rivven", "rivven_connect", "rivven_generator", "rivven_templates"})

DEPENDENCIES = _words(
    """
    aiohttp airbyte_cdk aiofiles anyio attr attrs boto3 botocore certifi charset_normalizer click
    conftest copier coverage croniter cryptography dateutil django duckdb fastapi flask
    google grpc httpcore httpx hypothesis idna jinja2 jsonschema jsonschema_rs kafka lxml markupsafe
    msgspec mypy numpy obstore orjson packaging pandas pip pkg_resources plumbum polars
    prometheus_client psycopg psycopg2 pyarrow pydantic pydantic_core pydantic_settings pymongo
    pymysql pyspark pytest questionary redis requests rich ruff setuptools simplejson six snowflake
    sqlalchemy tomlkit toml tornado typing_extensions urllib3 uv uvloop websockets wheel yaml yarl
    """
)
"""Modules of our own dependencies and of those that connectors commonly use."""

PROJECT_FOLDERS = frozenset({"build", "dist", "docs", "setup", "src", "tests"})
"""Folders and files of a connector project that an import package must not stand beside."""

DEVICE_NAMES = frozenset(
    {"aux", "con", "nul", "prn", *(f"{port}{n}" for port in ("com", "lpt") for n in range(1, 10))}
)
"""Names that Windows keeps for devices, whatever their folder."""

RESERVED_MODULES = STANDARD_LIBRARY | OWN_MODULES | DEPENDENCIES | PROJECT_FOLDERS | DEVICE_NAMES

RUNTIME_CLASSES = _words(
    """
    Action Annotated Any AsyncIterator Batch BatchConfig BatchSink Catalog Check CheckResult
    Checkpoint CircuitBreaker ClassVar ConfigModel ConfiguredCatalog ConnectorError ConnectorSpec
    ErrorKind EventBatch ExitCode False FatalError Field HookMissing InputError Item Json JsonObject
    Literal Metrics MockConfig MockSink None Page Partition PipelineError Poison Problem RateLimiter
    Record RecordError Records Registry RetryableError RivvenError Rows Secret Sequence Sink SinkConfig
    SinkContract SinkRegistry Source SourceConfig SourceContract SourceEvent SourceRegistry State
    StateStoreError Stream StreamSpec TestConfig TestContract TestHarness Transform TransformConfig
    TransformContract TransformOutput TransformRegistry TransactionalSink Transformed True WriteResult
    """
)
"""Classes that generated and handwritten modules import, and the keywords in PascalCase; a derived
class must not be called like one."""

TYPING_NAMES = _words("Annotated Any ClassVar Literal NotRequired TypedDict")
"""What generated modules import from `typing`."""

CONFIG_NAMES = _words(
    """
    Boolean ConfigDict ConfigModel Default Field Format Integer Json JsonObject MultipleOf NotNull Number
    OneOf Pattern Secret SecretText SinkConfig SourceConfig Tagged Text TransformConfig UniqueItems Validator
    check_cron check_host check_port max_properties min_properties require_any require_one
    require_together when
    """
)
"""What a generated `config.py` imports from `rivven_connect.config`."""

CONFIG_MODULE_NAMES = CONFIG_NAMES | TYPING_NAMES | {"Path", "validators"}
"""Everything that a generated `config.py` may import: no class of its own is called that."""

MODEL_ATTRIBUTES = _words(
    """
    config_schema construct copy dict dump example from_orm json mro parse parse_file parse_obj
    parse_raw register rules schema schema_json self update_forward_refs validate
    """
)
"""Attributes of pydantic's BaseModel, its metaclass and our ConfigModel; so is all of `model_*`."""

ANNOTATION_NAMES = _words(
    """
    bool bytes check_cron check_host check_port dict float frozenset int list object set str tuple
    validators
    """
)
"""What annotations in a generated class body must still find under its own name."""

AMBIGUOUS_NAMES = frozenset({"I", "O", "l"})
"""Names that read as a digit; linters refuse them (ruff's E741)."""

STREAM_SET_ATTRIBUTES = frozenset({"find"})
"""Methods of the runtime's StreamSet, in whose subclasses streams are attributes."""

CONTRACT_HOOKS = frozenset({"read_discovered", "read_partition"})
"""Methods of the runtime's contracts that look like hooks."""
