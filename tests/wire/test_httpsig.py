"""Signed requests: the standard's examples, a round trip, and what other clients may do."""

import base64
import hashlib
import hmac

import pytest
from cryptography.hazmat.primitives import serialization

from config.wire import b64, httpsig, keys, structured
from config.wire.errors import BadSignature
from config.wire.httpsig import SignedRequest
from tests.wire.samples import KEY, NOW
from tests.wire.signing import ALL, BODY, NONCE, PARAMETERS, URI, resigned, signed, with_input


class TestExamplesOfTheStandard:
    """RFC 9421 appendix B.2, keys of appendix B.1."""

    def test_b_2_4_ecdsa_p256(self) -> None:
        public = serialization.load_pem_public_key(
            b"-----BEGIN PUBLIC KEY-----\n"
            b"MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEqIVYZVLCrPZHGHjP17CTW0/+D9Lf\n"
            b"w0EkjqF7xB4FivAxzic30tMM4GF+hR6Dxh71Z50VGGdldkkDXZCnTNnoXQ==\n"
            b"-----END PUBLIC KEY-----\n"
        ).public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
        base = (
            '"@status": 200\n'
            '"content-type": application/json\n'
            '"content-digest": sha-512=:mEWXIS7MaLRuGgxOBdODa3xqM1XdEvxoYhvlCFJ41QJgJc4GTsPp29l5'
            "oGX69wWdXymyU0rjJuahq4l5aGgfLQ==:\n"
            '"content-length": 23\n'
            '"@signature-params": ("@status" "content-type" "content-digest" "content-length")'
            ';created=1618884473;keyid="test-key-ecc-p256"'
        )
        signature = base64.b64decode(
            "wNmSUAhwb5LxtOtOpNa6W5xj067m5hFrj0XQ4fvpaCLx0NKocgPquLgyahnzDnDAUy5eCdlYUEkLIj+32oiasw=="
        )
        request = SignedRequest("test-key-ecc-p256", NOW, NONCE, base.encode(), signature, None)

        request.verify(public)

        with pytest.raises(BadSignature):
            request._replace(base=base.replace("23", "24").encode()).verify(public)

    def test_b_2_5_signature_base(self) -> None:
        covered = structured.parse_dictionary(
            'sig-b25=("date" "@authority" "content-type");created=1618884473'
            ';keyid="test-shared-secret"'
        )["sig-b25"]
        assert isinstance(covered, structured.InnerList)
        secret = base64.b64decode(
            "uzvJfB4u3N0Jy4T7NZ75MDVcr8zSTInedJtkgcu46YW4XByzNJjxBdtjUkdJPBtbmHhIDi6pcl8jsasjlTMtDQ=="
        )

        base = httpsig.signature_base(
            method="POST",
            target_uri="https://example.com/foo?param=Value&Pet=dog",
            headers={
                "Host": "example.com",
                "Date": "Tue, 20 Apr 2021 02:07:55 GMT",
                "Content-Type": "application/json",
            },
            covered=covered,
        )

        assert base.decode() == (
            '"date": Tue, 20 Apr 2021 02:07:55 GMT\n'
            '"@authority": example.com\n'
            '"content-type": application/json\n'
            '"@signature-params": ("date" "@authority" "content-type")'
            ';created=1618884473;keyid="test-shared-secret"'
        )
        mac = hmac.digest(secret, base, hashlib.sha256)
        assert base64.b64encode(mac) == b"pxcQw6G3AjtMBQjwo8XzkZf/bws5LelbaMk5rGIGtE8="

    def test_content_digest_of_rfc_9530(self) -> None:
        digest = httpsig.content_digest(b'{"hello": "world"}')
        assert digest == "sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:"

    @pytest.mark.parametrize(
        ("component", "uri", "value"),
        [
            ("@authority", "HTTPS://WWW.Example.com:443/a", "www.example.com"),
            ("@authority", "http://example.com:8080/", "example.com:8080"),
            ("@authority", "https://[::1]:443/", "[::1]"),
            ("@scheme", "https://example.com/", "https"),
            ("@path", "https://example.com", "/"),
            ("@path", "https://example.com/a%20b?c", "/a%20b"),
            ("@query", "https://example.com/path?param=value&x", "?param=value&x"),
            ("@query", "https://example.com/path", "?"),
            ("@request-target", "https://example.com/path?x=1", "/path?x=1"),
        ],
    )
    def test_derived_components(self, component: str, uri: str, value: str) -> None:
        base = httpsig.signature_base(
            method="GET",
            target_uri=uri,
            headers={},
            covered=structured.InnerList([structured.Item(component, {})], {}),
        )
        assert base.decode().splitlines()[0] == f'"{component}": {value}'


class TestRoundTrip:
    def test_a_signed_request_verifies(self) -> None:
        request = httpsig.parse_request(**signed())
        request.verify(KEY.public)
        assert request[:3] == ("DEV-1", NOW, NONCE)
        assert request.base.decode().split("\n") == [
            '"@method": POST',
            f'"@target-uri": {URI}',
            f'"content-digest": {httpsig.content_digest(BODY)}',
            '"content-type": application/json',
            '"idempotency-key": one-two-three-four',
            f'"@signature-params": ({ALL}){PARAMETERS};alg="ecdsa-p256-sha256"',
        ]

    def test_a_request_without_body_or_headers_verifies(self) -> None:
        request = signed(method="GET", headers={}, body=b"")
        assert request["headers"].keys() == {"Signature-Input", "Signature"}
        httpsig.parse_request(**request).verify(KEY.public)

    def test_names_of_headers_have_no_case(self) -> None:
        request = signed()
        request["headers"] = {name.upper(): value for name, value in request["headers"].items()}
        httpsig.parse_request(**request).verify(KEY.public)

    def test_a_high_s_passes(self) -> None:
        request = httpsig.parse_request(**signed())
        s = keys.ORDER - int.from_bytes(request.signature[32:], "big")
        request._replace(signature=request.signature[:32] + s.to_bytes(32, "big")).verify(
            KEY.public
        )

    def test_an_empty_content_type_is_none(self) -> None:
        request = signed(method="GET", headers={}, body=b"")
        request["headers"] |= {"Content-Type": ""}
        httpsig.parse_request(**request).verify(KEY.public)


class TestOtherClients:
    def test_further_components_another_order_and_no_algorithm(self) -> None:
        request = with_input('"user-agent" "@authority" ' + ALL, **{"User-Agent": "till 1.0"})
        httpsig.parse_request(**resigned(request)).verify(KEY.public)

    def test_spaces_that_are_not_canonical(self) -> None:
        request = with_input(ALL.replace(" ", "  "))
        httpsig.parse_request(**resigned(request)).verify(KEY.public)

    def test_another_signature_beside_ours(self) -> None:
        request = signed()
        request["headers"]["Signature-Input"] = (
            'proxy=("@path");x, ' + request["headers"]["Signature-Input"]
        )
        request["headers"]["Signature"] += ", proxy=:AAAA:"
        httpsig.parse_request(**request).verify(KEY.public)

    def test_a_second_digest_algorithm(self) -> None:
        both = f"sha-512=:AAAA:, {httpsig.content_digest(BODY)}"
        request = with_input(ALL, **{"Content-Digest": both})
        httpsig.parse_request(**resigned(request)).verify(KEY.public)

    def test_the_signers_own_end_is_handed_on(self) -> None:
        parameters = f';created={NOW};expires={NOW + 5};nonce="{b64.encode(NONCE)}";keyid="D"'
        request = httpsig.parse_request(**resigned(with_input(ALL, parameters=parameters)))
        request.verify(KEY.public)
        assert request.expires == NOW + 5
