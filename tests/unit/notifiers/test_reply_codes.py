import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.ids import CODE_LETTERS
from model.reply import Answer
from notifiers.reply_codes import ParsedReply, parse_reply

YES, NO = Answer.ACKNOWLEDGE, Answer.CANNOT_COMPLY


@pytest.mark.parametrize(
    ("body", "answer", "code", "everything"),
    [
        ("1A", YES, "A", False),
        ("2A", NO, "A", False),
        ("1 a", YES, "A", False),
        (" 2-b. ", NO, "B", False),
        ("1", YES, None, False),
        ("2", NO, None, False),
        ("1*", YES, None, True),
        ("1 all", YES, None, True),
        ("１Ａ", YES, "A", False),
        ("1AB", YES, "AB", False),
        ("ACK", YES, None, False),
        ("ack c", YES, "C", False),
        ("Yes!", YES, None, False),
        ("no", NO, None, False),
        ("can’t", NO, None, False),
        ("cannot D", NO, "D", False),
        ("ACK*", YES, None, True),
        ("1A=ACK", YES, "A", False),
        ("2A = CANNOT", NO, "A", False),
        ("accept 1A", YES, "A", False),
        ("Ack 1*", YES, None, True),
        ("1A thanks", YES, "A", False),
        ("2A, thank you!", NO, "A", False),
        ("(1A)", YES, "A", False),
        ("“1A”", YES, "A", False),
        ("‘1a’", YES, "A", False),
        ("1A\nSent from my iPhone", YES, "A", False),
        ("1A\r\n-- \r\nAna Reyes, Operations", YES, "A", False),
    ],
)
def test_answers(body, answer, code, everything):
    assert parse_reply(body) == ParsedReply(answer=answer, code=code, all=everything)


@pytest.mark.parametrize(
    ("body", "keyword"), [("HELP", "help"), ("?", "help"), ("stop", "stop"), ("Stop.", "stop"), ("UNSUBSCRIBE", "stop")]
)
def test_keywords(body, keyword):
    assert parse_reply(body) == ParsedReply(keyword=keyword)


@pytest.mark.parametrize(
    "body",
    [
        "",
        "3",
        "1I",
        "1O",
        "11",
        "12A",
        "1A=ACK 2A=CANNOT",
        "1A 2B",
        "not yet",
        "nobody",
        "yes but only 5 MW",
        "acknowledged by Bob",
        "A",
        "1A=CANNOT",
        "accept 2A",
        "not 1A",
        "1A? thanks",
        "1A no thanks",
        "1A\nno, wait",
        "1A\n2B",
        "1" * 300,
    ],
)
def test_what_is_doubtful_is_no_answer(body):
    assert parse_reply(body) == ParsedReply()


@given(st.sampled_from("12"), st.text(st.sampled_from(CODE_LETTERS), min_size=1, max_size=3))
def test_every_code_we_give_is_understood(digit, code):
    parsed = parse_reply(f"{digit}{code.lower()}")
    assert (parsed.answer, parsed.code) == (YES if digit == "1" else NO, None if code == "ALL" else code)


@given(st.text())
def test_anything_may_be_texted(body):
    parse_reply(body)
