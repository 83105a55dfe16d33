"""Tests of other projects that pass with their classes and not with ours, each with the reason."""

from __future__ import annotations

__all__ = ["DIFFERENCES"]

REASONS = {
    "autobahn": {},
    "websocket-client": {
        "puts a class of its own in the place of the WebSocket inside an app: ours connects by the wire": (
            "test_app.py::WebSocketAppTest::test_close_exception_legacy_path_has_no_frame",
            "test_app.py::WebSocketAppTest::test_close_frame_triggers_closed_logic",
            "test_app.py::WebSocketAppTest::test_closed_string_argument_converted_to_exception",
            "test_app.py::WebSocketAppTest::test_custom_dispatcher_close_exception",
            "test_app.py::WebSocketAppUnitTests::test_client_initiated_close_captures_peer_close_frame",
        ),
        "shuts its own socket down: ours tells on_error at once that it is closed, theirs that the next pong is missing": (
            "test_app.py::WebSocketAppTest::test_reconnect",
        ),
        "calls a method that begins with an underscore": (
            "test_abnf.py::ABNFTest::test_mask",
            "test_app.py::WebSocketAppUnitTests::test_close_frame_parsing",
        ),
        "looks at where a frame that has begun is kept: ours keeps the bytes of its head": (
            "test_abnf.py::ABNFTest::test_frame_buffer",
        ),
        "a function that returns None in place of bytes would be asked for ever": (
            "test_abnf.py::ABNFTest::test_recv_strict_handles_none_and_non_bytes",
        ),
        "the words: a close frame has a code, and no opcode that could be wrong": (
            "test_abnf.py::ABNFTest::test_validate_exception_messages_are_formatted",
        ),
        "a dispatcher's app has to be one of ours: close() ends the wait of ours at once, where theirs sleeps": (
            "test_dispatcher.py::DispatcherTest::test_dispatcher_base_reconnect",
            "test_dispatcher.py::DispatcherTest::test_dispatcher_base_timeout",
            "test_dispatcher.py::DispatcherTest::test_dispatcher_read",
            "test_dispatcher.py::DispatcherTest::test_dispatcher_read_with_data",
            "test_dispatcher.py::DispatcherTest::test_ssl_dispatcher_read",
            "test_dispatcher.py::DispatcherTest::test_ssl_dispatcher_select_no_results",
            "test_dispatcher.py::DispatcherTest::test_ssl_dispatcher_select_with_pending",
            "test_dispatcher.py::DispatcherTest::test_ssl_dispatcher_select_without_pending",
            "test_ssl_edge_cases.py::SSLEdgeCasesTest::test_ssl_pending_data_edge_cases",
        ),
        "replaces how a proxy is spoken to, or an address is reached: the wire does that": (
            "test_http.py::HttpPureUnitTests::test_tunnel_raises_for_non_200",
            "test_http.py::HttpTest::test_proxy_connect",
            "test_websocket.py::WebSocketCoreUnitTests::test_connect_handles_redirects",
            "test_websocket.py::WebSocketCoreUnitTests::test_connect_redirect_invalid_target_raises",
            "test_websocket.py::WebSocketCoreUnitTests::test_connect_redirect_limit_exhausted_raises",
            "test_websocket.py::WebSocketCoreUnitTests::test_connect_redirect_without_location_raises",
        ),
        "heads in Latin-1 are read, because servers send them": (
            "test_http.py::HttpTest::test_read_header_malformed_status_line",
        ),
        "asks a socket whether it is closed by a field that begins with an underscore: ours closes it once more": (
            "test_reconnect_bad_fd.py::ReconnectBadFileDescriptorTest::test_shutdown_with_closed_socket_attribute",
        ),
        "an error that Python raises no more: what TLS waits too long for is a TimeoutError": (
            "test_socket.py::SocketTest::test_recv_ssl_timeout",
        ),
        "send() that was not ready in time raises as recv() does, in place of returning 0": (
            "test_socket.py::SocketTest::test_send_write_timeout",
        ),
        "replaces send(), or what send() calls: close frames and traces of ours do not go by it": (
            "test_websocket.py::WebSocketCoreUnitTests::test_send_frame_emits_trace_when_enabled",
            "test_websocket.py::WebSocketTest::test_close_accepts_text_reason",
        ),
    },
}

DIFFERENCES: dict[str, dict[str, str]] = {
    project: {test: reason for reason, tests in reasons.items() for test in tests}
    for project, reasons in REASONS.items()
}
"""For each project: the tests, by file, class and name, and why they differ."""
