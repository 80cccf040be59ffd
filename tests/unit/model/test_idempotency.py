"""What a sender calls its message."""

from model.idempotency import KEY_CHARS, key_of


def test_which_header_says_it() -> None:
    assert key_of({"idempotency-key": "a", "webhook-id": "b"}) == "a"
    assert key_of({"idempotency-key": " ", "webhook-id": "b"}) is None
    assert key_of({"webhook-id": " msg_1 "}) == "msg_1"
    assert key_of({"content-type": "application/json"}) is None


def test_long_and_odd_keys_are_told_apart_by_their_hashes() -> None:
    long = ["k" * (KEY_CHARS + n) for n in range(3)]
    found = [key_of({"idempotency-key": key}) for key in (*long, "a\0b", "a\udc80")]
    assert found[0] == long[0]
    assert len(set(found)) == 5
    assert all(key.startswith("sha256:") for key in found[1:])
