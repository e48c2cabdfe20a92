"""The mistakes that could be made in a C++ source, and the source with all of them built in (see mutation.hpp)."""
import re
from dataclasses import dataclass

STATEMENT = re.compile(r"(\+\+|--|\*)?[A-Za-z_][\w:]*(\(|\.|->|\[|\s*[-+|&*/^]?=\s|\s*<<=\s|\+\+|--)|(break|continue);")
NOT_EXPRESSION = re.compile(r"(return|co_return|co_await|if|for|while|switch|case|using|static_assert|assert)\b")
DECLARATION = re.compile(r"\s*(?:const\s+)?[\w:]+[&*]*\s+[&*]*(\w+)\s*=\s")
COMPARISON = re.compile(r"(?<=\s)(<=|>=|<|>|==|!=)(?=\s)")
LOGIC = re.compile(r"(?<=\s)(&&|\|\|)(?=\s)")
NUMBER = re.compile(r"(?<![\w.'<])(0x[0-9a-fA-F]+|\d+)[uU]?(?![\w.'>])")
PAIRS = {"(": ")", "[": "]", "{": "}"}


@dataclass
class Mistake:
    """One or two mistakes that are made at one place: what is put around it, with $ for its number."""
    begin: int
    end: int
    before: str
    after: str
    changes: tuple  # in words, one for each number
    number: int = -1


def hide(text):
    """The text with blanks in place of comments, literals and directives, so that what is left is code."""
    def blank(match):
        hidden = re.sub(r"[^\n]", " ", match[0])
        return '"' + hidden[1:-1] + '"' if match[0][0] in "\"'" and len(match[0]) > 1 else hidden
    return re.sub(r'//[^\n]*|/\*.*?\*/|^#[^\n]*|R"\((.|\n)*?\)"|"(\\.|[^"\\\n])*"|(?<!\w)\'(\\.[^\']*|[^\'\\\n])\'', blank, text,
                  flags=re.M | re.S)


def bodies(code):
    """Where functions begin and end, but for those that make a constant."""
    for m in reversed(list(re.finditer(r"\bconstexpr [^;{}()]*=\s*\[\] (?={)", code))):
        code = code[:m.end()] + " " * (closing(code, m.end()) - m.end()) + code[closing(code, m.end()):]
    found, depth, opened = [], 0, None
    for at, c in enumerate(code):
        if c == "{":
            if opened is None and re.search(r"\)[\s\w:<>&*,()]*$", code[max(0, at - 200):at].rsplit(";", 1)[-1].rsplit("}", 1)[-1]):
                opened = (at, depth)
            depth += 1
        elif c == "}":
            depth -= 1
            if opened and depth == opened[1]:
                found.append((opened[0] + 1, at))
                opened = None
    return found


def closing(code, at):
    """The bracket that closes the one at `at`."""
    opens, depth = code[at], 0
    for i in range(at, len(code)):
        depth += (code[i] == opens) - (code[i] == PAIRS[opens])
        if depth == 0:
            return i
    raise ValueError(f"nothing closes the bracket at {at}")


def operand_begin(code, at, low, logic):
    """Where the operand before `at` begins; with `logic`, && and || end it too."""
    depth = 0
    while at > low:
        c, word = code[at - 1], code[max(low, at - 2):at]
        if c in ")]}":
            depth += 1
        elif c in "([{":
            if depth == 0:
                return at
            depth -= 1
        elif depth == 0:
            if c in ",;?" or (logic and word in ("&&", "||") and code[at].isspace()):
                return at
            if c == ":" and code[at] != ":" and word != "::":
                return at
            if c == "=" and code[at] != "=" and word not in ("==", "<=", ">=", "!="):
                return at
            if re.search(r"\b(co_)?return\s$", code[max(low, at - 10):at]):
                return at
        at -= 1
    return at


def operand_end(code, at, high):
    """Where the operand of && or || that begins at `at` ends."""
    depth = 0
    while at < high:
        c = code[at]
        if c in "([{":
            depth += 1
        elif c in ")]}":
            if depth == 0:
                return at
            depth -= 1
        elif depth == 0:
            if c in ",;?" or (code[at:at + 2] in ("&&", "||") and code[at - 1].isspace()):
                return at
            if c == ":" and "::" not in code[at - 1:at + 2]:
                return at
        at += 1
    return at


def trimmed(code, begin, end):
    """The span without blanks at its ends."""
    while begin < end and code[begin].isspace():
        begin += 1
    while begin < end and code[end - 1].isspace():
        end -= 1
    return begin, end


def spoken(text):
    """A piece of source on one line, short enough to be shown."""
    words = " ".join(text.split())
    return words if len(words) <= 60 else words[:57] + "..."


class Finder:
    """Finds what could be mistaken in one source."""

    def __init__(self, text):
        self.text = text
        self.code = hide(text)
        self.found = []
        for low, high in bodies(self.code):
            self.conditions(low, high)
            self.comparisons(low, high)
            self.operands(low, high)
            self.statements(low, high)
            self.values(low, high)
        self.found = [m for m in self.found if not self.is_constant(m.begin)]

    def is_constant(self, at):
        """Whether the statement around is one that the compiler works out, or that only looks."""
        start = max(self.code.rfind(c, 0, at) for c in ";{}")
        return re.match(r"\s*((static\s+)?(constexpr|static_assert|assert)\b|case\b([^:]|::)*$)", self.code[start + 1:at + 1]) is not None

    def add(self, begin, end, before, after, *changes):
        self.found.append(Mistake(begin, end, before, after, changes))

    def conditions(self, low, high):
        for m in re.finditer(r"\b(if|while) \(", self.code[low:high]):
            begin = low + m.end()
            end = closing(self.code, begin - 1)
            last = self.code.rfind(";", begin, end)
            if last > 0 and "{" not in self.code[begin:end]:
                begin = last + 1
            declared = DECLARATION.match(self.code, begin, end)
            if declared:
                self.add(end, end, "", f"; !::mutation::on($) && {declared[1]}", "condition never holds")
            elif m[1] == "while":
                self.add(*trimmed(self.code, begin, end), "!::mutation::on($) && bool(", ")", "condition never holds")
            else:
                self.add(*trimmed(self.code, begin, end), "::mutation::forced($, bool(", "))", "condition always holds",
                         "condition never holds")
        for m in re.finditer(r"\s\?\s", self.code[low:high]):
            end = low + m.start()
            begin = operand_begin(self.code, end, low, logic=False)
            self.add(*trimmed(self.code, begin, end), "::mutation::forced($, bool(", "))", "always the first of the two",
                     "always the second of the two")
        for m in re.finditer(r"\breturn !(?=[\w(])[^;&|?]*;", self.code[low:high]):
            self.add(low + m.start() + 7, low + m.end() - 1, "::mutation::on($) != (", ")", "the contrary is returned")

    def comparisons(self, low, high):
        contrary = {"<": "<=", "<=": "<", ">": ">=", ">=": ">", "==": "!=", "!=": "=="}
        for m in COMPARISON.finditer(self.code, low, high):
            self.add(m.end(), m.end(), "", f" ::mutation::flip{{$}} {m[1]}", f"{m[1]} became {contrary[m[1]]}")

    def operands(self, low, high):
        seen = set()
        for m in LOGIC.finditer(self.code, low, high):
            neutral = ("(::mutation::on($) || bool(", "))") if m[1] == "&&" else ("(!::mutation::on($) && bool(", "))")
            for span in ((operand_begin(self.code, m.start(), low, logic=True), m.start()),
                         (m.end(), operand_end(self.code, m.end(), high))):
                span = trimmed(self.code, *span)
                if span not in seen:
                    seen.add(span)
                    self.add(*span, *neutral, f"left out: {spoken(self.text[span[0]:span[1]])}")

    def statements(self, low, high):
        at = low
        while at < high:
            line_end = self.code.find("\n", at)
            line_end = high if line_end < 0 else line_end
            begin, _ = trimmed(self.code, at, line_end)
            before = self.code[low - 1:begin].rstrip()
            is_first = before[-1:] in "{};:" or before.endswith("else") or re.search(r"\b(if|for|while) \([^\n]*\)$", before)
            if is_first and STATEMENT.match(self.code, begin) and not NOT_EXPRESSION.match(self.code, begin):
                end = operand_end_of_statement(self.code, begin, high)
                if end and not LOGIC.search(self.code, begin, end):
                    self.add(begin, end, "{ if (!::mutation::on($)) ", " }", "statement left out")
            at = line_end + 1

    def values(self, low, high):
        for m in re.finditer(r"(?<!<)\b(true|false)\b(?!>)", self.code[low:high]):
            other = "false" if m[1] == "true" else "true"
            self.add(low + m.start(), low + m.end(), "(::mutation::on($) != ", ")", f"{m[1]} became {other}")
        for m in NUMBER.finditer(self.code, low, high):
            before = self.code[low:m.start()].rstrip()
            down = before.endswith(" <") or before.endswith(" >=") # the comparison itself stands for the step up
            value = int(m[1], 0)
            self.add(m.start(), m.end(), "(", f" {'-' if down else '+'} int(::mutation::on($)))",
                     f"{m[0]} became {value + (-1 if down else 1)}")


def operand_end_of_statement(code, begin, high):
    """Behind the semicolon of a statement; nothing where a block comes first."""
    depth = 0
    for at in range(begin, high):
        c = code[at]
        depth += (c in "([{") - (c in ")]}")
        if depth < 0:
            return None
        if c == ";" and depth == 0:
            return at + 1
    return None


def find(text):
    """All mistakes of a source, those that hold others before them."""
    found = sorted(Finder(text).found, key=lambda m: (m.begin, -m.end))
    kept = []
    for m in found:  # what would cross another one is left out
        if not any(k.begin < m.begin < k.end < m.end for k in kept):
            kept.append(m)
    return kept


def build_in(text, mistakes):
    """The source with all of them in it."""
    pieces = []
    for m in mistakes:
        pieces.append((m.begin, 1, -m.end, m.before.replace("$", str(m.number))))
        pieces.append((m.end, 0 if m.end > m.begin else 2, -m.begin, m.after.replace("$", str(m.number))))
    out, at = [], 0
    for position, _, _, piece in sorted(pieces, key=lambda p: p[:3]):
        out.append(text[at:position])
        out.append(piece)
        at = position
    return "".join(out) + text[at:]
