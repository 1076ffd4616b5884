"""What a failed TLS handshake means in an address, and what to write there instead.

OpenSSL's reasons are told apart by their names in the error's text, which stay the same over its versions.
"""

from __future__ import annotations

_OPTIONS = "rediss://host:port/0?ssl_ca_certs=/path/ca.pem"
_REASONS = (
    (
        ("hostname mismatch", "ip address mismatch", "doesn't match"),
        "the certificate is for another name than the one in redis.url",
        "Use a name that the certificate has in redis.url, or add ?ssl_check_hostname=false to it.",
    ),
    (
        ("certificate has expired", "certificate is not yet valid"),
        "the server's certificate is not valid at this time",
        "Renew the certificate, or correct this machine's clock.",
    ),
    (
        ("certificate_verify_failed", "certificate verify failed"),
        "the server's certificate is not trusted on this machine",
        f"Name the authority that signed it: {_OPTIONS} (?ssl_cert_reqs=none would trust anybody).",
    ),
    (
        ("certificate_required", "certificate required", "sslv3_alert_handshake_failure", "bad_certificate"),
        "the server wants a certificate of ours",
        f"Name it and its key: {_OPTIONS}&ssl_certfile=/path/client.pem&ssl_keyfile=/path/client.key.",
    ),
    (
        ("key_values_mismatch", "key values mismatch"),
        "the key in ssl_keyfile is not that of ssl_certfile",
        "Name the certificate and the key that belong together.",
    ),
    (
        ("wrong_version_number", "record_layer_failure", "packet_length_too_long", "http_request"),
        "the server does not speak TLS on this port",
        "Use redis:// without TLS, or the server's TLS port.",
    ),
    (
        ("[ssl", "pem lib", "ssl: "),
        "TLS could not be set up",
        "Check ssl_ca_certs, ssl_certfile and ssl_keyfile in redis.url: PEM files that this user can read.",
    ),
)


_ON_TLS_ONLY = (
    (
        ("no such file", "permission denied"),
        "a certificate's file cannot be read",
        "Check ssl_ca_certs, ssl_certfile and ssl_keyfile in redis.url.",
    ),
    (
        ("eof occurred", "connection reset", "closed by server"),
        "the server ended the TLS connection",
        "It may want a certificate of ours (ssl_certfile and ssl_keyfile in redis.url); its log says why.",
    ),
    (
        ("timeout connecting",),
        "no TLS answer in time",
        "Check the network between; where the server does not speak TLS on this port, use redis://.",
    ),
)
"""What the same words mean on a connection with TLS."""


def explain(text: str, *, secure: bool) -> tuple[str, str] | None:
    """Why and what to do, for the text of a connection's error; None where it is not about TLS."""
    if not secure:
        return None
    lowered = text.lower()
    for signs, why, fix in (*_REASONS, *_ON_TLS_ONLY):
        if any(sign in lowered for sign in signs):
            return f"{why} ({text})", fix
    return None
