"""XML without document types and entities, in UTF-8, of a bounded size: bombs need one of these."""

from typing import Any
from xml.etree.ElementTree import Element, ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring

from intake.problem import not_readable, shortened
from intake.strict_json import NESTING

MARKS = 4_000  # of each kind: an element has two brackets, an attribute two quotes; so no body takes long


def parse(body: bytes) -> Element:
    """The root element of `body`. Raises NotReadable."""
    if not body or body.isspace():
        raise not_readable("", "an empty body", "XML")
    if (tags := body.count(b"<")) > MARKS:
        raise not_readable("", f"{tags} tags", f"at most {MARKS}")
    if (quotes := body.count(b'"') + body.count(b"'")) > MARKS:
        raise not_readable("", f"{quotes} quotes", f"at most {MARKS}")
    try:
        text = body.removeprefix(b"\xef\xbb\xbf").decode()
    except UnicodeDecodeError as error:
        raise not_readable("", f"a byte at {error.start} that is not UTF-8", "XML in UTF-8") from None
    try:
        root: Element = fromstring(text, forbid_dtd=True)
    except DefusedXmlException:
        raise not_readable("", "a document type or an entity", "XML without them") from None
    except (ParseError, ValueError, LookupError) as error:
        raise not_readable("", shortened(str(error)), "XML") from None
    return root


def as_json(element: Element, depth: int = 0) -> Any:
    """The element as JSON data, for the evidence: text, or its children by name, those of one name as a list.

    Raises NotReadable where it is nested deeper than JSON may be.
    """
    if depth >= NESTING:
        raise not_readable("", "deeper nesting", f"at most {NESTING} levels")
    if not len(element):
        return (element.text or "").strip()
    found: dict[str, Any] = {}
    for child in element:
        name, value = local_name(child), as_json(child, depth + 1)
        if name not in found:
            found[name] = value
        elif isinstance(found[name], list):
            found[name].append(value)
        else:
            found[name] = [found[name], value]
    return found


def local_name(element: Element) -> str:
    """Without its namespace."""
    tag = element.tag
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""
