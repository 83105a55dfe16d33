"""Signatures of requests and handshakes against vectors reckoned elsewhere."""

from __future__ import annotations

import pytest

from tests.brokers.weex.payloads import KEY, PASSPHRASE, SECRET
from wsexample.brokers.base import Secret
from wsexample.brokers.weex.dialect import handshake_headers, sign

NOW_MS = 1_795_000_000_000
ORDER = (
    '{"symbol":"BTCUSDT","side":"BUY","positionSide":"LONG","type":"LIMIT","timeInForce":"GTC","quantity":"0.0500",'
    '"price":"64250.5","newClientOrderId":"demo-0001"}'
)
VECTORS = [
    ("GET", "/capi/v3/account/balance", "", "", "MykSCaa5zagMmt6M4g9nrLaJEZBNyPMrW8KWZfEUyxo="),
    ("GET", "/capi/v3/openOrders", "symbol=BTCUSDT&limit=50", "", "KEAgI6GjnnfhFq20yJKGTNrTtLT7kz58A3q7caZB8nk="),
    ("post", "/capi/v3/order", "", ORDER, "Yt8Mt3WtJOaIKCgB/b1avAe08hvXzduE7cxnRwCWZTw="),
    ("DELETE", "/capi/v3/order", "orderId=740000000000000101", "", "V0kOLmU2PakWp0nEDVDeScGHoREFvMXJi9oTwwCeEIM="),
    ("", "/v2/ws/private", "", "", "kaBNinrTxpV6XwrQ9ZWbxiQ1rIKcz05D5Ep2phR2eyI="),
    ("", "/v3/ws/private", "", "", "X7bZy8i8W4s44/0DfVdJK5ARfL+c8xmFW6VOZyngg7o="),
]


@pytest.mark.parametrize(("method", "path", "query", "body", "expected"), VECTORS)
def test_signature_vectors(method: str, path: str, query: str, body: str, expected: str) -> None:
    """Time, method, path, query and body are signed in this order and nothing else is."""
    assert sign(Secret(SECRET), NOW_MS, method, path, query, body) == expected


def test_the_handshake_is_signed_without_a_method() -> None:
    """The private socket's headers carry the path's signature and the same time that was signed."""
    headers = handshake_headers(Secret(KEY), Secret(SECRET), Secret(PASSPHRASE), NOW_MS)
    assert headers == {
        "ACCESS-KEY": KEY,
        "ACCESS-SIGN": VECTORS[-1][-1],
        "ACCESS-TIMESTAMP": str(NOW_MS),
        "ACCESS-PASSPHRASE": PASSPHRASE,
    }
