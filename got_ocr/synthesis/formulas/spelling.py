r"""One spelling for formulas that look alike, so that a model can learn it.

1. No spaces, but one after a command word that a letter follows (`\alpha x`), and one on each side of `&` and `\\`.
2. Scripts always in braces, the lower one first: `x_{i}^{2}`; primes stand right after their base: `f'`.
3. One name for each sign: `\rightarrow` (not `\to`), `\leq`, `\geq`, `\neq`, `\wedge`, `\vee`, `\ldots`, `*`.
4. Upright words are `\operatorname{...}` where they act, `\mathrm{...}` where they name (units, substances, labels),
   `\text{...}` where they are prose, with their spaces inside.
5. `|` for absolute values and brackets of physics, `\mid` for conditions; `\bar` over a letter, `\overline` over more.
6. `\left` and `\right` only around what is taller than a line: a fraction, a sum, a matrix.
7. A thin space `\,` stands before the differential of an integral and between a number and its unit, nowhere else but
   inside thousands and after quantified variables.
"""

import re

_TOKEN = re.compile(r"\\[A-Za-z]+\*?|\\.|\s+|.", re.DOTALL)
# Rule 3: names that print the same.
_SAME = {
    "\\to": "\\rightarrow",
    "\\gets": "\\leftarrow",
    "\\land": "\\wedge",
    "\\lor": "\\vee",
    "\\lnot": "\\neg",
    "\\le": "\\leq",
    "\\ge": "\\geq",
    "\\ne": "\\neq",
    "\\dots": "\\ldots",
    "\\ast": "*",
    "\\lbrace": "\\{",
    "\\rbrace": "\\}",
}
_RAW = ("\\text", "\\operatorname", "\\operatorname*", "\\begin", "\\end", "\\mbox")
_TALL = re.compile(
    r"\\(c?frac|binom|sum|prod|i*int|oint|big[a-z]+|begin|left|underbrace|overbrace|lim|max|min)(?![a-z])"
)


def canonical(tex: str) -> str:
    """Spell a formula by the rules above.

    Args:
        tex: LaTeX mathematics without delimiters, with balanced braces.

    Returns:
        The same formula.

    Raises:
        ValueError: The braces are not balanced.
    """
    reader = _Reader(tex)
    pieces = reader.sequence()
    if reader.tokens:
        raise ValueError(f"a brace too many closes in {tex!r}")
    return _join(pieces).strip()


class _Reader:
    """Reads tokens into pieces, each spelled already."""

    def __init__(self, tex: str) -> None:
        self.tex = tex
        self.tokens = _TOKEN.findall(tex)[::-1]

    def sequence(self) -> list[str]:
        pieces: list[str] = []
        while self.tokens and self.tokens[-1] not in ("}", "\\right"):
            token = self.tokens.pop()
            if token.isspace():
                continue
            if token in "^_":
                self.tokens.append(token)
                pieces += self._scripts()
            else:
                pieces.append(self._piece(token))
        return pieces

    def _piece(self, token: str) -> str:
        if token == "{":
            return f"{{{_join(self._group())}}}"
        if token in _RAW:
            piece = token + self._raw(strip=token in ("\\begin", "\\end"))
            return piece + self._raw() if piece == "\\begin{array}" else piece
        if token == "\\left":
            return self._fenced()
        if token in ("&", "\\\\"):
            return f" {token} "
        return _SAME.get(token, token)

    def _fenced(self) -> str:
        left = self._next()
        body = _join(self.sequence())
        if not self.tokens:
            raise ValueError(f"a \\left has no \\right in {self.tex!r}")
        self.tokens.pop()
        right = self._next()
        if "." in (left, right) or _TALL.search(body):
            return _join([f"\\left{left}", body, f"\\right{right}"])
        return _join([left, body, right])

    def _scripts(self) -> list[str]:
        scripts: dict[str, str] = {}
        while self.tokens and (self.tokens[-1] in "^_" or self.tokens[-1].isspace()):
            mark = self.tokens.pop()
            if mark.isspace():
                continue
            if mark in scripts:
                raise ValueError(f"two scripts {mark} stand on one base in {self.tex!r}")
            token = self._next()
            scripts[mark] = _join(self._group()) if token == "{" else self._piece(token)
        return [f"{mark}{{{scripts[mark]}}}" for mark in "_^" if mark in scripts]

    def _next(self) -> str:
        while self.tokens and self.tokens[-1].isspace():
            self.tokens.pop()
        if not self.tokens:
            raise ValueError(f"{self.tex!r} ends where something must follow")
        token: str = self.tokens.pop()
        return token

    def _group(self) -> list[str]:
        pieces = self.sequence()
        if not self.tokens:
            raise ValueError(f"a brace is left open in {self.tex!r}")
        self.tokens.pop()
        return pieces

    def _raw(self, strip: bool = False) -> str:
        if self._next() != "{":
            raise ValueError(f"a brace must follow a word such as \\text in {self.tex!r}")
        depth, content = 1, ""
        while self.tokens:
            token = self.tokens.pop()
            depth += {"{": 1, "}": -1}.get(token, 0)
            if not depth:
                return f"{{{content.replace(' ', '') if strip else content}}}"
            content += token
        raise ValueError(f"a brace is left open in {self.tex!r}")


def _join(pieces: list[str]) -> str:
    joined = ""
    for piece in pieces:
        if re.search(r"\\[A-Za-z]+$", joined) and piece[:1].isalpha():
            joined += " "
        joined += piece.lstrip() if joined.endswith(" ") else piece
    return joined
