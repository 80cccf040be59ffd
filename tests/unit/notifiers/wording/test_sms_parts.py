"""Parts fit, are few, and say together what was to be said."""

import smsutil
from hypothesis import example, given
from hypothesis import strategies as st

from notifiers.wording.sms_parts import MAX_PARTS, cut, fits_as_part, plain, septets, split_sms

GSM = "@£$¥èéùìòÇØøÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#%&'()*+,-./0123456789:;<=>?¡ABCXYZÄÖÑÜ§¿abcxyzäöñüà^{}\\[~]|€"
any_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=900)
gsm_text = st.text(st.sampled_from(GSM), max_size=900)
wordy = st.lists(st.text(st.sampled_from("abcé€€ł😀"), min_size=1, max_size=12), max_size=120).map(" ".join)


def length(text):
    """(how long, how long it may be), counted by another library."""
    if smsutil.codecs.is_valid_gsm(text):
        return len(smsutil.encode(text)), 160
    return len(text.encode("utf-16-be")) // 2, 70


def squeezed(text):
    return "".join(text.split())


def body(part):
    return part.rpartition(" (")[0]


@given(st.one_of(any_text, gsm_text, wordy))
@example("€" * 160)
@example("😀" * 80)
@example("a" * 153 + "€ b")
def test_cut_loses_nothing_and_fits(text):
    pieces = cut(text)
    assert "".join(pieces) == text
    assert all(fits_as_part(p.strip()) for p in pieces)


@given(gsm_text)
def test_septets_are_those_of_the_oracle(text):
    assert septets(text) == len(smsutil.encode(text))


@given(st.one_of(gsm_text, wordy), st.one_of(gsm_text, wordy), st.sampled_from(["", "DRILL"]))
def test_parts_fit_join_back_and_end_with_the_tail(head, rest, tail):
    parts = split_sms(head, rest, tail)
    assert len(parts) <= MAX_PARTS
    for part in parts:
        long, limit = length(part)
        assert long <= limit
    bodies = [body(p) for p in parts] if len(parts) > 1 else list(parts)
    if not bodies[-1].endswith(f"... {tail}".strip()):
        assert squeezed("".join(bodies)) == squeezed(head + rest + tail)
    if tail:
        assert squeezed("".join(bodies)).endswith(tail)


def test_the_head_is_alone_in_the_first_part():
    parts = split_sms("ACT NOW. Ref 0007.", "word " * 40)
    assert parts[0] == "ACT NOW. Ref 0007. (1/3)"
    assert parts[-1].endswith("(3/3)")


def test_one_part_has_no_number():
    assert split_sms("ACT NOW.", "by 13:30", "DRILL") == ("ACT NOW. by 13:30 DRILL",)


def test_what_is_too_much_is_shortened_and_still_a_drill():
    parts = split_sms("DRILL head", "word " * 400, "DRILL")
    assert len(parts) == 5
    assert parts[4].endswith("... DRILL (5/5)")


def test_fancy_punctuation_costs_nothing():
    fancy = "“Hold” – until released… it’s"
    assert septets(fancy) is None
    assert plain(fancy) == '"Hold" - until released... it\'s'
    assert septets(plain(fancy)) is not None


@given(st.one_of(gsm_text, wordy), st.one_of(gsm_text, wordy), st.sampled_from(["A", "XY", "0007 r2"]))
def test_each_part_says_which_message_it_belongs_to(head, rest, mark):
    parts = split_sms(head, rest, mark=mark)
    for part in parts if len(parts) > 1 else ():
        long, limit = length(part)
        assert long <= limit
        assert part.endswith(f"/{len(parts)} {mark})")


LINK = "https://gridcall.example/e/" + "Ab3-_" * 7


@given(st.one_of(gsm_text, wordy), st.one_of(gsm_text, wordy), st.sampled_from(["", "DRILL"]), st.sampled_from("AB"))
def test_a_link_is_last_and_whole_and_takes_nothing_from_the_first_part(head, rest, tail, mark):
    """It stands in one part, behind everything; before it stands what stands there without it, or its beginning."""
    without = split_sms(head, rest, tail, mark)
    parts = split_sms(head, rest, tail, mark, LINK)
    assert len(parts) <= MAX_PARTS
    for part in parts:
        long, limit = length(part)
        assert long <= limit
    bodies = [body(p) for p in parts] if len(parts) > 1 else list(parts)
    before = [body(p) for p in without] if len(without) > 1 else list(without)
    linked = bodies[-1].endswith(LINK)
    assert sum(LINK in b for b in bodies) == linked
    assert linked or len(without) == 1
    if len(bodies) > 1:
        assert bodies[0].strip() == before[0].strip()
    if tail and rest and len(bodies) > 1:
        said = bodies[-1].removesuffix(LINK).strip()
        assert said == "" or said.endswith(tail)


def test_a_link_longer_than_a_part_is_left_out():
    assert split_sms("head", "rest", "", "A", "https://" + "x" * 160) == ("head rest",)
