# What the compiled lane is made of, on one page. The meaning of every field and method is in _lane_py.py.

cdef class LaneCounters:
    cdef public long long incomingOctetsWireLevel
    cdef public long long incomingOctetsWebSocketLevel
    cdef public long long incomingOctetsAppLevel
    cdef public long long incomingWebSocketFrames
    cdef public long long incomingWebSocketMessages
    cdef public long long outgoingOctetsWireLevel
    cdef public long long outgoingOctetsWebSocketLevel
    cdef public long long outgoingOctetsAppLevel
    cdef public long long outgoingWebSocketFrames
    cdef public long long outgoingWebSocketMessages


cdef class Scratch:
    # The read buffer that all connections of a thread share; parsing is over before the next read begins.
    cdef bytearray store
    cdef object view
    cdef unsigned char *bytes
    cdef bint is_busy


cdef class LaneCore:
    # Autobahn's own fields that decide whether the lane may go on
    cdef public int state
    cdef public object current_frame
    cdef public object current_frame_masker
    cdef public bint inside_message
    cdef public object autoPingTimeoutCall
    cdef public object send_queue
    cdef public object data
    # set by wire/autobahn.py
    cdef public bint lane_receives
    cdef public bint lane_sends
    cdef public bint lane_is_server
    cdef public bint lane_checks_utf8
    cdef public bint lane_masks
    cdef public bint lane_inflates
    cdef public bint lane_deflates
    cdef public long long lane_max_payload
    cdef public long long lane_max_send
    cdef public long long lane_fragment
    cdef public bint lane_restarts_ping
    cdef public bint lane_is_volatile
    cdef public bint lane_is_paused
    cdef public bint lane_is_dead
    cdef LaneCounters stats
    # receiving
    cdef Scratch scratch
    cdef unsigned char *held        # bytes that wait for more, or for the end of a pause
    cdef Py_ssize_t held_size
    cdef Py_ssize_t held_room
    cdef Py_ssize_t front           # bytes of `held` that stand before the transport's in the scratch
    cdef bint is_into_message       # the transport reads straight into `message`
    cdef Py_ssize_t seen
    cdef Py_ssize_t counted
    cdef bytes message              # the payload of a long frame that is still arriving
    cdef Py_ssize_t message_size    # what its header announced
    cdef Py_ssize_t message_have
    cdef unsigned char message_head[14]
    cdef int message_head_size
    cdef bint is_running
    cdef list later
    # sending
    cdef object _transport
    cdef unsigned char *out
    cdef Py_ssize_t out_size
    cdef Py_ssize_t out_room
    cdef int sent_in_turn
    cdef int fd                     # socket to write to directly, -1 for none
    cdef bint fd_asks               # ask the transport each time whether it is closing
    cdef bint may_be_buffered       # the transport may hold bytes that go first

    cdef _guarded(self, unsigned char *p, Py_ssize_t n)
    cdef _message_updated(self, Py_ssize_t n)
    cdef _message_room(self, Py_ssize_t room)
    cdef int _go_on(self, const unsigned char *p, Py_ssize_t n) except -1
    cdef int _take_rest(self, const unsigned char *p, Py_ssize_t n) except -1
    cdef bint _is_at_once(self) except -1
    cdef bint _may_send_directly(self) except -1
    cdef int _take(self, const unsigned char *p, Py_ssize_t n) except -1
    cdef int _run(self, const unsigned char *p, Py_ssize_t n) except -1
    cdef Py_ssize_t _plain_frame(self, const unsigned char *p, Py_ssize_t pos, Py_ssize_t end) except -1
    cdef Py_ssize_t _arriving(self, const unsigned char *p, Py_ssize_t pos, Py_ssize_t start, Py_ssize_t end,
                              Py_ssize_t size) except -1
    cdef Py_ssize_t _message_grew(self, Py_ssize_t added) except -1
    cdef int _message_done(self) except -1
    cdef int _deliver(self, object payload, bint is_binary) except -1
    cdef Py_ssize_t _hand_over(self, const unsigned char *p, Py_ssize_t pos, Py_ssize_t stop, Py_ssize_t end) except -1
    cdef int _hold(self, const unsigned char *p, Py_ssize_t n) except -1
    cdef int _surrender(self) except -1
    cdef bytes _message_as_came(self)
    cdef int _uncount(self) except -1
    cdef int _send(self, int opcode, const unsigned char *payload, Py_ssize_t n) except -1
    cdef int _write(self, const unsigned char *head, Py_ssize_t head_size, const unsigned char *body, Py_ssize_t body_size,
                    object whole) except -1
    cdef int _hold_back(self, const unsigned char *head, Py_ssize_t head_size, const unsigned char *body,
                        Py_ssize_t body_size) except -1
    cdef int _write_now(self, const unsigned char *head, Py_ssize_t head_size, const unsigned char *body,
                        Py_ssize_t body_size, object whole) except -1
    cdef int _send_frame(self, bytes frame, Py_ssize_t payload_size, Py_ssize_t max_backlog) except -1
    cdef Py_ssize_t _backlog(self) except -1
    cdef unsigned char *_out_space(self, Py_ssize_t n) except NULL
    cdef int _flush(self) except -1
