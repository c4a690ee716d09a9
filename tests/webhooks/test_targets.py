"""The fence round webhook targets: what may be typed, and where a name may lead."""

import ipaddress

import pytest

from merchants.rules import targets
from merchants.rules.targets import TargetRefused

TYPED = [
    "http://shop.example/hook",
    "HTTP://shop.example/hook",
    "ftp://shop.example/hook",
    "file:///etc/passwd",
    "gopher://shop.example/",
    "//shop.example/hook",
    "shop.example/hook",
    "https:///hook",
    "https://",
    "https://user:word@shop.example/",
    "https://user@shop.example/",
    "https://shop.example@127.0.0.1/",
    "https://127.0.0.1\\@shop.example/",
    "https://shop.example/#inside",
    "https://shop.example:22/",
    "https://shop.example:80/",
    "https://shop.example:6379/",
    "https://shop.example:0/",
    "https://shop.example:65536/",
    "https://shop.example:-443/",
    "https://shop.example:four/",
    "https://localhost/",
    "https://LOCALHOST/",
    "https://intranet/",
    "https://shop.example./",
    "https://.example/",
    "https://shop..example/",
    "https://-shop.example/",
    "https://sh_op.example/",
    "https://sh%6fp.example/",
    "https://127%2e0%2e0%2e1/",
    "https://쇼핑.example/",
    "https://①②⑦.⓪.⓪.①/",
    "https://shop.example/a b",
    "https://shop.example/\r\nX-Injected: 1",
    "https://shop.example/\x00",
    "https://127.0.0.1/",
    "https://127.1/",
    "https://2130706433/",
    "https://0x7f000001/",
    "https://0x7f.0.0.1/",
    "https://0x7f.0x1/",
    "https://0177.0.0.1/",
    "https://017700000001/",
    "https://127.0.0.1.0/",
    "https://10.1.2.3/",
    "https://169.254.169.254/latest/meta-data/",
    "https://0.0.0.0/",
    "https://0/",
    "https://[::1]/",
    "https://[::]/",
    "https://[::ffff:127.0.0.1]/",
    "https://[::ffff:7f00:1]/",
    "https://[fe80::1%25lo]/",
    "https://[fd00::1]/",
    "https://[64:ff9b::7f00:1]/",
    "https://[2002:7f00:1::]/",
    "https://[::1/",
    "https://shop.example/" + "a" * 500,
]
ADDRESSES = [
    *("127.0.0.1", "127.255.255.254", "0.0.0.0", "0.1.2.3", "10.0.0.1", "172.16.0.1"),
    *("172.31.255.255", "192.168.1.1", "169.254.169.254", "100.64.0.1", "100.127.255.255"),
    *("100.100.100.200", "192.0.0.8", "192.0.0.9", "192.0.2.1", "198.18.0.1", "198.51.100.1"),
    *("203.0.113.9", "224.0.0.1", "233.252.0.1", "239.255.255.250", "240.0.0.1"),
    *("255.255.255.255", "192.88.99.1", "168.63.129.16"),
    *("::", "::1", "::ffff:127.0.0.1", "::ffff:8.8.8.8", "::127.0.0.1", "64:ff9b::8.8.8.8"),
    *("64:ff9b:1::1", "100::1", "2001::1", "2001:0:4136:e378::1", "2001:db8::1", "2002:808:808::1"),
    *("3fff::1", "5f00::1", "fc00::1", "fd00:ec2::254", "fe80::1", "fe80::1%lo", "fec0::1"),
    *("ff02::1", "2600::1%eth0"),
]
PUBLIC = ["8.8.8.8", "93.184.216.34", "2606:4700::1111", "2a00:1450:4001::200e", "100.128.0.1"]


def test_the_lists_are_long_enough():
    assert min(len(set(TYPED)), len(set(ADDRESSES))) >= 40


@pytest.mark.parametrize("url", TYPED)
def test_a_bad_address_is_refused_as_typed(url):
    with pytest.raises(TargetRefused):
        targets.parse(url=url)


@pytest.mark.parametrize("address", ADDRESSES)
def test_an_address_that_is_not_public_is_refused(address):
    with pytest.raises(TargetRefused):
        targets.judge(addresses=[address])


@pytest.mark.parametrize("address", ADDRESSES)
def test_a_public_address_beside_it_does_not_help(address):
    with pytest.raises(TargetRefused):
        targets.judge(addresses=["8.8.8.8", address])


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_passes(address):
    assert targets.judge(addresses=[address]) == [ipaddress.ip_address(address)]


def test_no_address_is_refused():
    with pytest.raises(TargetRefused):
        targets.judge(addresses=[])


@pytest.mark.parametrize(
    ("url", "authority", "path"),
    [
        ("https://shop.example", "shop.example", "/"),
        ("HTTPS://Shop.Example/hook?a=1", "shop.example", "/hook?a=1"),
        ("https://shop.example:8443/a", "shop.example:8443", "/a"),
        ("https://shop.example:443/a", "shop.example", "/a"),
        ("https://xn--fsq.example/", "xn--fsq.example", "/"),
        ("https://8.8.8.8/", "8.8.8.8", "/"),
        ("https://[2606:4700::1111]/", "[2606:4700::1111]", "/"),
    ],
)
def test_a_good_address_is_taken_apart(url, authority, path):
    target = targets.parse(url=url)

    assert (target.authority, target.path) == (authority, path)


def test_the_allow_list_opens_one_place_and_no_other():
    allowed = {"127.0.0.1:9443"}

    assert targets.parse(url="https://127.0.0.1:9443/echo", allowed=allowed).port == 9443
    for url in ("https://127.0.0.1:9444/", "http://127.0.0.1:9443/", "https://a@127.0.0.1:9443/"):
        with pytest.raises(TargetRefused):
            targets.parse(url=url, allowed=allowed)


@pytest.mark.parametrize("property_alone", ["is_private", "is_loopback", "is_link_local"])
def test_a_fence_of_one_property_would_have_holes(property_alone):
    """Negative control: the obvious checks let some of these addresses through."""
    passed = [a for a in ADDRESSES if not getattr(ipaddress.ip_address(a), property_alone)]

    assert passed
