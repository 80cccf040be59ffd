"""The words of operators' free text that more than one reader of it looks for."""

import re

from model.event import Phase

STEP = re.compile(
    r"\b(?:Maximum\s+Generation|Max\s*Gen)\s+(?:Emergency\s+)?(Event|Warning|Alert)(?:\s+Step\s+(\d[a-c]?)\b)?", re.I
)
EEA = re.compile(r"\b(?:(?:NERC\s+)?EEA|Energy\s+Emergency\s+Alert)[\s-]*(?:Level\s+)?([0-3])\b", re.I)
NOTICES = (
    (re.compile(r"\bCapacity\s+Advisory\b", re.I), "Capacity Advisory", Phase.ADVISORY),
    (re.compile(r"\bConservative\s+Operations\b", re.I), "Conservative Operations", Phase.ADVISORY),
)
ZONE_LIST = re.compile(
    r"\b(?:Local\s+Resource\s+Zones?|LRZs?)\s*#?((?:\d{1,2}(?!\d|/|:\d|\.\d|\s*MW)(?:\s*(?:,\s*and|,|and|&|-|to|through)\s*)?)+)",
    re.I,
)
AT = (
    r"(\d{1,2})/(\d{1,2})/(\d{4})\s+(?:at\s+)?(\d{1,2}):?(\d\d)(?::\d\d)?(?:\s*(?:hours|hrs)\b)?"
    r"(?:\s*\(?(EST|EDT|EPT|CST|CDT|CPT|UTC|GMT)\b)?"
)
# Case counts: a code, not the words "resource adequacy".
RESOURCE = re.compile(r"\b[Rr]esource\s+([A-Z0-9_]+(?:[.\-][A-Z0-9_]+)+)")
SENTENCE_END = re.compile(r"[.;](?=\s|$)")
