"""Signed requests: every part tampered with, and every form but the right one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.wire import b64, httpsig, structured
from config.wire.errors import BadSignature, Malformed, WireError
from config.wire.httpsig import NotCovered, WrongDigest
from tests.wire.samples import KEY, NOW, OTHER_KEY
from tests.wire.signing import ALL, BODY, NONCE, URI, signed, with_input


class TestTampering:
    @pytest.mark.parametrize(
        "change",
        [
            {"method": "PUT"},
            {"method": "post"},
            {"target_uri": URI + "&x"},
            {"target_uri": URI.replace("https", "http")},
            {"target_uri": URI.replace("pay.", "pay2.")},
        ],
    )
    def test_of_the_request_line(self, change: dict[str, str]) -> None:
        request = httpsig.parse_request(**signed() | change)
        with pytest.raises(BadSignature):
            request.verify(KEY.public)

    @pytest.mark.parametrize("name", ["Content-Type", "Idempotency-Key"])
    def test_of_a_covered_header(self, name: str) -> None:
        request = signed()
        request["headers"][name] += "x"
        with pytest.raises(BadSignature):
            httpsig.parse_request(**request).verify(KEY.public)

    @pytest.mark.parametrize("name", ["Content-Digest", "Content-Type", "Idempotency-Key"])
    def test_by_leaving_a_covered_header_out(self, name: str) -> None:
        request = signed()
        del request["headers"][name]
        with pytest.raises(NotCovered):
            httpsig.parse_request(**request)

    def test_of_the_body(self) -> None:
        with pytest.raises(WrongDigest):
            httpsig.parse_request(**signed() | {"body": BODY + b" "})
        with pytest.raises(WrongDigest):
            httpsig.parse_request(**signed() | {"body": b""})

    def test_of_body_and_digest(self) -> None:
        request = signed() | {"body": b"{}"}
        request["headers"]["Content-Digest"] = httpsig.content_digest(b"{}")
        with pytest.raises(BadSignature):
            httpsig.parse_request(**request).verify(KEY.public)

    @pytest.mark.parametrize(
        ("old", "new"),
        [
            (str(NOW), str(NOW + 1)),
            (b64.encode(NONCE), b64.encode(NONCE[::-1])),
            ("DEV-1", "DEV-2"),
            ('"@method" "@target-uri"', '"@target-uri" "@method"'),
            (';alg="ecdsa-p256-sha256"', ""),
        ],
    )
    def test_of_the_parameters(self, old: str, new: str) -> None:
        request = signed()
        stated = request["headers"]["Signature-Input"]
        request["headers"]["Signature-Input"] = stated.replace(old, new)
        assert request["headers"]["Signature-Input"] != stated
        with pytest.raises(BadSignature):
            httpsig.parse_request(**request).verify(KEY.public)

    def test_by_another_key(self) -> None:
        with pytest.raises(BadSignature):
            httpsig.parse_request(**signed()).verify(OTHER_KEY.public)


class TestForm:
    @pytest.mark.parametrize(
        "left_out",
        ["@method", "@target-uri", "content-digest", "content-type", "idempotency-key"],
    )
    def test_each_named_component_must_be_covered(self, left_out: str) -> None:
        components = " ".join(name for name in ALL.split() if name != f'"{left_out}"')
        with pytest.raises(NotCovered):
            httpsig.parse_request(**with_input(components))

    def test_a_body_needs_a_digest(self) -> None:
        request = signed(body=b"") | {"body": BODY}
        with pytest.raises(NotCovered):
            httpsig.parse_request(**request)

    @pytest.mark.parametrize(
        "components",
        [
            ALL + ' "@method"',
            ALL + ' "content-type";sf',
            ALL + ' "@query-param";name="a"',
            ALL + ' "@status"',
            ALL + ' "@nonsense"',
            ALL + ' "x-absent"',
            ALL + " content-length",
            ALL + " 1",
            ALL + " :AAAA:",
        ],
    )
    def test_other_components_are_refused(self, components: str) -> None:
        with pytest.raises(Malformed):
            httpsig.parse_request(**with_input(components))

    @pytest.mark.parametrize(
        "parameters",
        [
            "",
            f';nonce="{b64.encode(NONCE)}";keyid="D"',
            f';created={NOW};keyid="D"',
            f';created={NOW};nonce="{b64.encode(NONCE)}"',
            f';created={NOW};nonce="{b64.encode(NONCE)}";keyid=""',
            f';created={NOW};nonce="{b64.encode(NONCE)}";keyid="{"D" * 65}"',
            f';created={NOW};nonce="{b64.encode(NONCE)}";keyid=D',
            f';created={NOW};nonce="{b64.encode(NONCE[1:])}";keyid="D"',
            f';created={NOW};nonce="{b64.encode(NONCE)}==";keyid="D"',
            f';created={NOW};nonce={NOW};keyid="D"',
            f';created="{NOW}";nonce="{b64.encode(NONCE)}";keyid="D"',
            f';created=-1;nonce="{b64.encode(NONCE)}";keyid="D"',
            f';created=?1;nonce="{b64.encode(NONCE)}";keyid="D"',
            f';created={NOW};expires="x";nonce="{b64.encode(NONCE)}";keyid="D"',
            f';created={NOW};nonce="{b64.encode(NONCE)}";keyid="D";alg="hmac-sha256"',
            f';created={NOW};created={NOW};nonce="{b64.encode(NONCE)}";keyid="D"',
        ],
    )
    def test_other_parameters_are_refused(self, parameters: str) -> None:
        with pytest.raises(Malformed):
            httpsig.parse_request(**with_input(ALL, parameters=parameters))

    @pytest.mark.parametrize(
        "headers",
        [
            {"Signature-Input": ""},
            {"Signature": ""},
            {"Signature-Input": "sig1"},
            {"Signature-Input": "sig1=1"},
            {"Signature": "sig1"},
            {"Signature": "sig1=()"},
            {"Signature": "sig2=:AAAA:"},
            {"Signature": "sig1=:AAAA:"},
            {"Signature": 'sig1="AAAA"'},
            {"Content-Digest": "sha-512=:AAAA:"},
            {"Content-Digest": "sha-256=AAAA"},
            {"Content-Digest": "sha-256=()"},
            {"Content-Digest": "nonsense;"},
            {"Content-Type": "é"},
            {"Content-Type": 'a\n"@method": GET'},
        ],
    )
    def test_other_headers_are_refused(self, headers: dict[str, str]) -> None:
        request = signed()
        request["headers"] |= headers
        with pytest.raises(Malformed):
            httpsig.parse_request(**request)

    def test_no_signature_is_refused(self) -> None:
        with pytest.raises(Malformed):
            httpsig.parse_request(method="GET", target_uri=URI, headers={}, body=b"")


@given(
    st.text(max_size=8),
    st.text(max_size=30) | st.just("https://[") | st.just("https://a:x/"),
    st.dictionaries(
        st.sampled_from(["signature", "signature-input", "content-digest", "x"]),
        st.text(max_size=60) | st.sampled_from(['sig1=("@path" "@authority")', "sig1=:AAAA:"]),
    ),
    st.binary(max_size=5),
)
def test_fuzz(method: str, uri: str, headers: dict[str, str], body: bytes) -> None:
    for base in ({}, signed()["headers"]):
        try:
            httpsig.parse_request(
                method=method, target_uri=uri, headers=base | headers, body=body
            ).verify(KEY.public)
        except WireError:
            continue
        raise AssertionError("a forged request verified")


@given(st.sampled_from(["https://[", "https://a:x/", "//", "x"]), st.text(max_size=20))
def test_fuzz_targets(prefix: str, rest: str) -> None:
    names = ("@authority", "@path", "@query", "@scheme", "@request-target")
    for name in names:
        covered = structured.InnerList([structured.Item(name, {})], {})
        try:
            httpsig.signature_base(
                method="GET", target_uri=prefix + rest, headers={}, covered=covered
            )
        except WireError:
            continue
