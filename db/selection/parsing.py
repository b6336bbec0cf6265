"""Parses expressions: ``or`` binds less tightly than ``and``, and ``and`` less than ``not``."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

from podium import durations, errors
from podium.db.selection import fields
from podium.db.selection.fields import ENTRIES, FIELDS, Field, Kind
from podium.db.selection.tree import All, Condition, Not, Some, Tree, Value, conditions
from podium.db.selection.words import Word, fault, words
from podium.wording import nearest

#: The most characters in all expressions of a request, and the most conditions.
LONGEST: Final = 2000
MOST_CONDITIONS: Final = 20
#: The most conditions that search the entries of every node for more than equality: for 100,000 nodes each
#: takes up to a second.
MOST_SEARCHES: Final = 5
_DEEPEST: Final = 20
_LONGEST_KEY: Final = 255
_JOINING: Final = ("and", "or", "not")
#: Operators that are the opposite of another.
_OPPOSITES: Final = {"!=": "=", "!~": "~"}
#: Given instead of a condition to list the fields.
_HELP: Final = "help"
#: Stands for a missing value, unless it is in quotation marks.
_NONE: Final = "none"


def parse(texts: str | Sequence[str]) -> Tree:
    """Return the meaning of expressions, all of which must hold.

    :raises podium.errors.NotUnderstood: with the place of the first fault
    """
    given = [texts] if isinstance(texts, str) else [*texts]
    if not given:
        raise errors.NotUnderstood("where: give at least one condition")
    if sum(map(len, given)) > LONGEST:
        raise errors.NotUnderstood(f"where: conditions have at most {LONGEST} characters")
    if _HELP in given:
        raise errors.NotUnderstood(fields.listed())
    trees = [_Reader(text).tree() for text in given]
    tree = trees[0] if len(trees) == 1 else All(tuple(trees))
    found = [*conditions(tree)]
    if len(found) > MOST_CONDITIONS:
        raise errors.NotUnderstood(
            f"where: these are {len(found)} conditions, and the most are {MOST_CONDITIONS}"
        )
    searches = sum(one.field.kind is Kind.ENTRY and one.operator != "=" for one in found)
    if searches > MOST_SEARCHES:
        raise errors.NotUnderstood(
            f"where: {searches} conditions compare entries with ~, < or >, and the most are {MOST_SEARCHES}"
        )
    return tree


class _Reader:
    """Reads one expression from beginning to end."""

    def __init__(self, text: str) -> None:
        self._text = text
        if not text.strip():
            raise errors.NotUnderstood("where: give at least one condition")
        try:
            text.encode()
        except UnicodeEncodeError as wrong:
            raise self._fault(wrong.start, wrong.end, "this is no character") from None
        self._words = [*words(text)]
        self._place = 0
        self._depth = 0

    @property
    def _next(self) -> Word:
        return self._words[self._place]

    def _take(self) -> Word:
        word = self._next
        self._place += word.kind != "end"
        return word

    def _takes(self, *texts: str) -> bool:
        """Take the next word if it is one of these."""
        word = self._next
        found = word.kind in ("sign", "plain") and word.text.lower() in texts
        self._place += found
        return found

    def _fault(self, start: int, end: int, reason: str) -> errors.NotUnderstood:
        return fault(self._text, start, end, reason)

    def _wrong(self, word: Word, reason: str) -> errors.NotUnderstood:
        return self._fault(word.start, word.end, reason)

    def tree(self) -> Tree:
        found = self._some()
        rest = self._next
        if rest.kind != "end":
            hint = "; put values with spaces into quotation marks" if rest.kind != "sign" else ""
            raise self._wrong(rest, f"a condition ends here, or goes on with 'and' or 'or'{hint}")
        return found

    def _some(self) -> Tree:
        parts = [self._all()]
        while self._takes("or"):
            parts.append(self._all())
        return Some(tuple(parts)) if parts[1:] else parts[0]

    def _all(self) -> Tree:
        parts = [self._part()]
        while self._takes("and"):
            parts.append(self._part())
        return All(tuple(parts)) if parts[1:] else parts[0]

    def _part(self) -> Tree:
        begin = self._next
        is_not = self._takes("not")
        if not is_not and not self._takes("("):
            return self._condition()
        self._depth += 1
        if self._depth > _DEEPEST:
            raise self._wrong(begin, f"not and parentheses stand in each other more than {_DEEPEST} times")
        if is_not:
            found: Tree = Not(self._part())
        else:
            found = self._some()
            if not self._takes(")"):
                raise self._wrong(self._next, "a closing parenthesis was expected")
        self._depth -= 1
        return found

    def _condition(self) -> Tree:
        word = self._take()
        if word.kind != "plain" or word.text.lower() in _JOINING:
            raise self._wrong(word, "a condition was expected, such as power_state=off")
        field, key = self._field(word)
        begin, is_not = self._next, False
        if begin.kind == "plain" and begin.text.lower() == "not":
            following = self._words[self._place + 1]
            if following.kind == "plain" and following.text.lower() == "in":
                self._place += 1
                is_not = True
        if self._takes("in"):
            self._check_operator(field, "=", begin)
            found: Tree = Condition(field, key, "=", self._list(field))
            return Not(found) if is_not else found
        if not self._takes("=", "==", "!=", "<", "<=", ">", ">=", "~", "!~"):
            if field.kind is Kind.TRUTH:
                return Condition(field, key, "=", (True,))
            kinds = ", ".join(field.kind.operators)
            raise self._wrong(begin, f"{word.text} needs an operator and a value: {kinds}")
        operator = "=" if begin.text == "==" else begin.text
        plain = _OPPOSITES.get(operator, operator)
        value = self._value(field, plain, begin)
        self._check_operator(field, operator, begin, is_none=value is None)
        found = Condition(field, key, plain, (value,))
        return Not(found) if plain != operator else found

    def _field(self, word: Word) -> tuple[Field, str]:
        """Return a field and the key of an entry."""
        if (found := fields.find(word.text)) is not None:
            return found, ""
        name, dot, key = word.text.partition(".")
        if (found := ENTRIES.get(name)) is not None:
            if dot and not key and self._next.kind == "quoted" and self._next.start == word.end:
                key = self._take().text
            if not 1 <= len(key) <= _LONGEST_KEY:
                raise self._wrong(
                    word, f"name an entry, such as {name}.rack, of at most {_LONGEST_KEY} characters"
                )
            if any(sign in key for sign in '"\\') or not key.isprintable():
                raise self._wrong(word, f"nodes cannot be found by the entry {key[:80]!r} of {name}")
            return found, key
        near = fields.MEANT.get(word.text.lower()) or nearest(word.text, [*FIELDS, *ENTRIES])
        hint = f"did you mean {near}?" if near else "--where help lists the fields"
        raise self._wrong(word, f"there is no field {word.text[:80]}; {hint}")

    def _check_operator(self, field: Field, operator: str, word: Word, *, is_none: bool = False) -> None:
        allowed = field.kind.operators
        if operator in allowed or (is_none and operator in ("=", "!=")):
            return
        text = f"{word.text} does not go with {field.name}, which is {field.kind.words}: {', '.join(allowed)}"
        raise self._wrong(word, text)

    def _list(self, field: Field) -> tuple[Value, ...]:
        begin = self._take()
        if begin.text != "(" or begin.kind != "sign":
            raise self._wrong(begin, "values in parentheses were expected, such as in (r1, r2)")
        found = [self._value(field, "=", begin)]
        while self._takes(","):
            found.append(self._value(field, "=", begin))
        if not self._takes(")"):
            raise self._wrong(self._next, "a comma or a closing parenthesis was expected")
        return tuple(found)

    def _value(self, field: Field, operator: str, sign: Word) -> Value:
        word = self._take()
        if word.kind not in ("plain", "quoted") or (word.kind == "plain" and word.text.lower() in _JOINING):
            raise self._wrong(
                word, f"a value was expected after {sign.text}; quotation marks are for any text"
            )
        may_miss = operator == "=" and field.kind not in (Kind.TRUTH, Kind.STALE)
        if may_miss and word.kind == "plain" and word.text.lower() == _NONE:
            return None
        convert = _CONVERTED.get((field.kind, operator)) or _CONVERTED.get((field.kind, ""))
        if field.kind is Kind.WORD:
            convert = partial(_word, field)
        if convert is None:
            return word.text
        found = convert(word.text)
        if found is None:
            kind = Kind.NUMBER if field.kind is Kind.ENTRY else field.kind
            there = field.fault(word.text) if field.words else f"not {kind.words}"
            raise self._wrong(word, f"{word.text[:80]} is {there}")
        return found


def _word(field: Field, text: str) -> str | None:
    return field.words.get(text.lower())


#: Functions that convert texts into values, by kind and operator; values of other kinds stay texts.
_CONVERTED: Final[dict[tuple[Kind, str], Callable[[str], Value]]] = {
    (Kind.NUMBER, ""): fields.number,
    (Kind.TRUTH, ""): fields.truth,
    (Kind.AGE, ""): durations.seconds,
    (Kind.STALE, ""): durations.seconds,
    (Kind.TIME, ""): fields.time,
    **{(Kind.ENTRY, operator): fields.number for operator in ("<", "<=", ">", ">=")},
}
