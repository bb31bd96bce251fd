"""Where another frame may be put into what a server sends: between two frames, but not among one call's headers."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from web.grpc_server.frames import GOAWAY, Frames

DATA, HEADERS, SETTINGS, CONTINUATION = 0, 1, 4, 9
END_HEADERS = 4

kinds = st.sampled_from([(DATA, 0), (DATA, 4), (HEADERS, END_HEADERS), (HEADERS, 0), (CONTINUATION, 0), (SETTINGS, 1)])


def frame(kind: int, flags: int, size: int) -> bytes:
    return size.to_bytes(3, "big") + bytes([kind, flags]) + bytes([0, 0, 0, 1]) + bytes(size)


@given(st.lists(st.tuples(kinds, st.integers(0, 30)), min_size=1, max_size=8), st.integers(1, 20))
def test_frames_end_where_they_end_however_they_come(sent: list[tuple[tuple[int, int], int]], piece: int) -> None:
    data, ends = b"", set()
    for (kind, flags), size in sent:
        data += frame(kind, flags, size)
        if not (kind in (HEADERS, CONTINUATION) and flags == 0):
            ends.add(len(data))
    frames = Frames()
    assert not frames.between  # the first frame is the server's settings
    for at in range(0, len(data), piece):
        frames.follow(data[at : at + piece])
        assert frames.between == (min(at + piece, len(data)) in ends)


def test_the_request_to_go_is_one_frame_that_refuses_no_call_yet() -> None:
    frames = Frames()
    frames.follow(GOAWAY)
    assert frames.between
    assert GOAWAY.hex() == "0000080700" + "00000000" + "7fffffff" + "00000000"
