"""Our formats against an independent implementation of JSON Schema, string by string."""

from __future__ import annotations

from typing import Any

import jsonschema_rs
import pytest

from rivven_connect._formats import FORMATS, check_cron, check_host, check_port

TEXTS: dict[str, list[str]] = {
    'uri': [
        'http://a', 'https://example.com/', 'HTTP://EXAMPLE.COM', 'a:', 'a:b', 'a:/', 'a://',
        'a:///', 'mailto:x@y', 'urn:isbn:1', 'http://', 'http:', 'http:///x', 'http://a b',
        'http://[::1]', 'http://[::1]:80/', 'http://[::1%25eth0]/', 'http://[v1.a:b]/',
        'http://[1.2.3.4]', 'http://a:b', 'http://a:99999', 'http://a:-1', 'http://u:p@h:1/',
        'http://u@p@h', 'http://h/%zz', 'http://h/%20', 'http://h/%2', 'http://h/\xe9',
        'http://\xe9.com', '//h/p', '/p', 'p', '', '1a:b', 'a+b-c.d:e', 'http://h?q#f',
        'http://h#f#g', 'http://h?q?r', 'http://h/<x>', 'http://h/{x}', 'http://h/a|b',
        'http://h/\\', 'http://h/^', 'http://h/`', 'http://h/"', 'http://h\n', '\nhttp://h',
        'http://h/a\tb', 'http://[::1', 'http://::1]', 'http://h:80:80', 'postgres://u:p@h/db',
        's3://bucket/key', 'file:///etc/x', 'file:x', 'data:text/plain,hi', 'http://h/a//b',
        'http://h//', 'a://:80', 'a://@', 'a:?', 'a:#', 'a:/?', 'a:a//b',
        'http://[::ffff:1.2.3.4]/', 'http://[]', 'http://h/a[b]', 'http://h?a[b]',
        "http://h/'()*", 'http://h/!$&;=,', 'http://u:p:q@h/', 'http://h_x/', 'http://-h-/',
        'http://h./', 'tel:+1-2', 'x://1.2.3.4.5', 'http://h/%C3%A9', 'http://%41', 'http://%4',
        '\xe9:x', 'a_b:c', 'http://h:', ':x',
    ],
    'email': [
        'a@b', 'a@b.c', 'a.b@c.d', 'a..b@c.d', '.a@b.c', 'a.@b.c', 'a@b..c', 'a@-b.c', 'a@b-.c',
        '@b.c', 'a@', 'a', 'a@b@c', '"a b"@c.d', '"a\\"b"@c.d', '""@c.d', 'a b@c.d', 'a+b@c.d',
        'a@[1.2.3.4]', 'a@[IPv6:::1]', 'a@[::1]', 'a@[256.1.1.1]', 'a@1.2.3.4', 'a@b_c.d',
        '\xe9@b.c', 'a@\xe9.c',
        'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx@b.c',
        'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx@b.c',
        'a@bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb.c',
        'a@bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb.c', 'a@b.c\n',
        'a@b.c.', ' a@b.c', 'Joe <a@b.c>', "a!#$%&'*+/=?^_`{|}~-@b.c", 'a(x)@b.c', 'a,b@c.d',
        'a;b@c.d', '"a\nb"@c.d', '"a"b@c.d', 'a@[IPv6:1::2]', 'a@[ipv6:::1]', 'a@xn--a.c',
        'a@localhost', 'a\\@b@c', '"a@b"@c.d', '~@b.c',
        'a@bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb.bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb.bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb.bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb.bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb',
    ],
    'hostname': [
        'a', 'a.b', 'A.B', 'a-b', '-a', 'a-', 'a_b', 'a..b', '.a', 'a.', '', '1', '1.2.3.4',
        'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa',
        'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa',
        'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa',
        'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa',
        'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa',
        'xn--a', 'xn--4gbwdl.xn--wgbh1c', 'xn--x', 'aa--bb', 'ab--c', '\xe9.com', 'a b', 'a\n',
        'localhost', 'a.b.', '*.a', 'a/b', 'xn--', 'XN--aa', 'xn--X',
        'www.xn--ihqwcrb4cv8a8dqg056pqjye', '123.456', 'a--b', 'abc--d', 'r3---sn', 'a.-b',
        'a.b-', '0xff', 'xn--nxasmq6b', 'xn--p1ai', 'xn--bcher-kva.example',
        'XN--BCHER-KVA.EXAMPLE', 'xn--0', 'xn--zca', 'xn--e1afmkfd', 'xn--fiqs8s', 'xn--tst-qla',
        'xn--A-2hc5h5c', 'xn--X', 'xn--hello-txk', 'xn--08e', 'xn--al-0ea', 'xn--99999999',
    ],
    'ipv4': [
        '1.2.3.4', '0.0.0.0', '255.255.255.255', '256.1.1.1', '1.2.3', '1.2.3.4.5', '01.2.3.4',
        '1.2.3.04', '1.2.3.4\n', ' 1.2.3.4', '1.2.3.4 ', '1.2.3.-4', '0x1.2.3.4', '1.2.3.4/24',
        '', 'a.b.c.d', '\u0661.2.3.4', '1..2.3', '00.0.0.0', '1.2.3.+4', '087.10.0.1',
        '2130706433',
    ],
    'ipv6': [
        '::', '::1', '1::', '1:2:3:4:5:6:7:8', '1:2:3:4:5:6:7::', '::2:3:4:5:6:7:8',
        '1::2:3:4:5:6:7:8', '1:2:3:4:5:6:7', '1:2:3:4:5:6:7:8:9', '12345::', '::ffff:1.2.3.4',
        '::ffff:1.2.3.04', '1.2.3.4', '::1.2.3.4', '1:2:3:4:5:6:1.2.3.4', '1:2:3:4:5:6:7:1.2.3.4',
        '::1%eth0', '::1/64', '', '::g', ':1', '1:', '1::2::3', ':::', '[::1]', '::1\n', ' ::1',
        'FE80::A', '::ffff:256.1.1.1', '1:2:3:4:5:6:1.2.3', '::00001', '::ffff:1.2.3.4%1',
        '1:2:3:4::5:1.2.3.4', '::1.2.3.4:5', '0:0:0:0:0:0:0:0', 'fe80::1%25en0', '::\u0663',
    ],
    'uuid': [
        '00000000-0000-0000-0000-000000000000', '2EB8AA08-AA98-11EA-B4AA-73B441D16380',
        '2eb8aa08-aa98-11ea-b4aa-73b441d1638', '2eb8aa08-aa98-11ea-b4aa-73b441d163800',
        '2eb8aa08aa9811eab4aa73b441d16380', '{2eb8aa08-aa98-11ea-b4aa-73b441d16380}',
        'urn:uuid:2eb8aa08-aa98-11ea-b4aa-73b441d16380', '2eb8aa08-aa98-11ea-b4aa-73b441d1638g',
        '2eb8-aa08-aa98-11ea-b4aa73b44-1d16380', '2eb8aa08-aa98-11ea-b4aa-73b441d16380\n',
        ' 2eb8aa08-aa98-11ea-b4aa-73b441d16380', '2eb8aa08_aa98_11ea_b4aa_73b441d16380', '',
        'ffffffff-ffff-ffff-ffff-ffffffffffff', '2eb8aa0-8aa98-11ea-b4aa-73b441d16380',
        '2eb8aa08-aa98-11ea-b4aa-73b441d1638\uff10',
    ],
    'date': [
        '2021-01-25', '2021-02-29', '2020-02-29', '1900-02-29', '2000-02-29', '2021-13-01',
        '2021-00-01', '2021-01-00', '2021-01-32', '2021-04-31', '21-01-25', '2021-1-25',
        '2021-01-5', '20210125', '2021-W04-1', '2021-025', '0000-01-01', '0000-02-29',
        '0000-02-30', '0001-01-01', '9999-12-31', '10000-01-01', '-2021-01-01', '+2021-01-01',
        '2021-01-25Z', ' 2021-01-25', '2021-01-25\n', '2021/01/25', '',
        '\u09e8\u09e6\u09e8\u09e7-01-25', '2021-01-2\uff15', '2021-01-25T00:00:00Z',
    ],
    'time': [
        '12:30:00Z', '12:30:00z', '12:30:00+00:00', '12:30:00-00:00', '12:30:00+23:59',
        '12:30:00+24:00', '12:30:00+00:60', '12:30:00', '12:30Z', '12:30:00.1Z',
        '12:30:00.123456789123Z', '12:30:00.Z', '12:30:00,1Z', '24:00:00Z', '23:59:60Z',
        '23:59:61Z', '22:59:60Z', '12:59:60Z', '00:59:60+01:00', '23:59:60+01:00',
        '15:59:60-08:00', '01:29:60+01:30', '23:29:60+23:30', '23:29:60-00:30', '1:30:00Z',
        '12:3:00Z', '12:30:0Z', '12:60:00Z', '12:30:00 Z', '12:30:00+0100', '12:30:00+01',
        '12:30:00Z+01:00', '08:30:06 PST', '1\u0968:00:00Z', '01:01:01,1111', '12:30:00Z\n', '',
        '23:59:59Z', '00:00:00Z', '23:59:60.5Z', '00:29:60-23:30', '12:30:00+1:00',
        '12:30:00#00:00', 'ab:cd:efZ',
    ],
    'date-time': [
        '2021-01-25T12:30:00Z', '2021-01-25t12:30:00z', '2021-01-25 12:30:00Z',
        '2021-01-25_12:30:00Z', '2021-01-25T12:30:00', '2021-01-25T12:30Z',
        '2021-01-25T12:30:00.5+01:00', '2021-02-29T12:30:00Z', '2021-01-25T24:00:00Z',
        '1998-12-31T23:59:60Z', '1998-12-31T15:59:60.123-08:00', '1998-12-31T23:59:61Z',
        '1998-12-31T23:58:60Z', '1998-12-31T22:59:60Z', '2021-01-25', '2021-01-25T',
        '2021-01-25TT12:30:00Z', '0000-01-01T00:00:00Z', '2021-350T01:01:01Z',
        '2021-01-25T12:30:00+0100', '2021-01-25T12:30:00+01', '2021-1-25T12:30:00Z',
        '2021-01-25T12:30:00Z\n', ' 2021-01-25T12:30:00Z', '2021-01-25T12:30:00.Z',
        '2021-01-25T12:30:00-24:00', '1963-06-1\u096fT00:00:00Z', '', '2021-01-25T12:30:00Zx',
        '1985-04-12T23:20:50.52Z', '2021-01-01T00:29:60+00:30', '1998-12-31T23:59:60+00:00',
        '9999-12-31T23:59:59Z', '2021-01-25T12:30:00.1234567890123456789Z',
    ],
    'duration': [
        'P1D', 'PT1H', 'P1Y2M3DT4H5M6S', 'P1Y', 'P1M', 'PT1M', 'PT1S', 'P1W', 'P1W1D', 'P1Y1W',
        'P', 'PT', 'P1', '1D', 'P1DT', 'PT1D', 'P1H', 'P1S', 'P2D1Y', 'PT1S1M', 'P1Y1D', 'PT1H1S',
        'P1M1D', 'P0D', 'P1.5D', 'PT1.5S', 'PT0.5S', '-P1D', 'P-1D', 'p1d', 'P1d', 'P1D ',
        'P1D\n', '', 'P\u09e8Y', 'P1YT1H', 'P1YT1S', 'P1MT1S', 'P1DT1H1M1S', 'P4Y', 'PT36H',
        'P99999999999D', 'P1W2D', 'PT1M1S', 'P01D', 'P1Y2M', 'P1WT1H', 'PT1H2M', 'P1T1H', 'PP1D',
    ],
}  # fmt: skip

OUR_OWN_VERDICT = {
    ("email", "Joe <a@b.c>"): False,  # RFC 5321 knows a mailbox, not a display name
}

REGEXES = {
    "a": True, "^a$": True, r"\d+": True, "[a-z]{2,3}": True, "(?:a|b)": True, "": True, "(": False,
    "[": False, "[a-": False, "*": False, "[z-a]": False, "a{2,1}": False, "\\": False,
    "(?<n>a)": True, r"\u0041": True, r"[\w-]": True,
}  # fmt: skip


@pytest.mark.parametrize("name", TEXTS)
def test_format_agrees_with_json_schema(name: str) -> None:
    judge: Any = jsonschema_rs.Draft202012Validator({"format": name}, validate_formats=True)
    ours = {text: FORMATS[name](text) for text in TEXTS[name]}
    expected = {
        text: OUR_OWN_VERDICT.get((name, text), judge.is_valid(text)) for text in TEXTS[name]
    }
    assert ours == expected
    assert set(ours.values()) == {True, False}


@pytest.mark.parametrize(("text", "verdict"), REGEXES.items())
def test_regex_agrees_with_json_schema_on_the_portable_subset(text: str, verdict: bool) -> None:
    judge: Any = jsonschema_rs.Draft202012Validator({"format": "regex"}, validate_formats=True)
    assert (FORMATS["regex"](text), judge.is_valid(text)) == (verdict, verdict)


def test_every_format_is_compared() -> None:
    assert set(FORMATS) == {*TEXTS, "regex", "password"}
    assert FORMATS["password"]("anything")


@pytest.mark.parametrize(
    "value",
    [
        "* * * * *", "0 0 1 1 0", "59 23 31 12 7", "*/15 * * * *", "0-30/5 * * * *", "1,2,3 * * * *",
        "0 0 * JAN MON", "0 0 * jan-dec sun-sat", "@daily", "@Hourly", "0  0  *  *  *",
    ],
)  # fmt: skip
def test_cron_accepts(value: str) -> None:
    check_cron(value)


@pytest.mark.parametrize(
    "value",
    [
        "", "* * * *", "* * * * * *", "60 * * * *", "* 24 * * *", "* * 0 * *", "* * 32 * *",
        "* * * 0 *", "* * * 13 *", "* * * * 8", "*/0 * * * *", "5-1 * * * *", "5/10 * * * *",
        "a * * * *", "* * * * monday", "@never", "-1 * * * *", "1- * * * *", ", * * * *",
        "*-5 * * * *", "\u0663 * * * *",
    ],
)  # fmt: skip
def test_cron_refuses(value: str) -> None:
    with pytest.raises(ValueError, match="cron schedule"):
        check_cron(value)


@pytest.mark.parametrize("value", [1, 65535, "1", "65535", "8080", "0080", "0000080"])
def test_port_accepts(value: int | str) -> None:
    check_port(value)


@pytest.mark.parametrize(
    "value",
    [0, 65536, -1, "", "0", "000", "65536", "0000180000", "http", "+80", " 80", "80x", "9" * 99],
)
def test_port_refuses(value: int | str) -> None:
    with pytest.raises(ValueError, match="1 to 65535"):
        check_port(value)


@pytest.mark.parametrize("value", ["a", "example.com", "192.0.2.1", "::1", "xn--p1ai"])
def test_host_accepts(value: str) -> None:
    check_host(value)


@pytest.mark.parametrize("value", ["", "a:80", "http://a", "[::1]", "a b", "a_b", "a."])
def test_host_refuses(value: str) -> None:
    with pytest.raises(ValueError, match="name or an IP address"):
        check_host(value)
