"""LaTeX's mathematical vocabulary as Unicode: what the formula reader knows without arguments.

Every name here is defined by LaTeX with amsmath, amssymb and mathtools, so a formula written back from it compiles.
Written as ``name character`` pairs, one family a block.
"""

# ruff: noqa: SIM905 - lists of words are read more easily as text


def _pairs(table: str) -> dict[str, str]:
    words = table.split()
    return dict(zip(words[::2], words[1::2], strict=True))


# Letters and signs that stand for themselves: <mi>.
IDENTIFIERS = _pairs(
    """
    alpha α beta β gamma γ delta δ epsilon ϵ varepsilon ε zeta ζ eta η theta θ vartheta ϑ iota ι kappa κ varkappa ϰ
    lambda λ mu μ nu ν xi ξ pi π varpi ϖ rho ρ varrho ϱ sigma σ varsigma ς tau τ upsilon υ phi ϕ varphi φ chi χ psi ψ
    omega ω digamma ϝ
    Gamma Γ Delta Δ Theta Θ Lambda Λ Xi Ξ Pi Π Sigma Σ Upsilon Υ Phi Φ Psi Ψ Omega Ω
    infty ∞ partial ∂ nabla ∇ hbar ℏ hslash ℏ ell ℓ Re ℜ Im ℑ wp ℘ aleph ℵ beth ℶ gimel ℷ daleth ℸ imath ı jmath ȷ
    emptyset ∅ varnothing ∅ forall ∀ exists ∃ nexists ∄ top ⊤ bot ⊥ angle ∠ measuredangle ∡ sphericalangle ∢
    triangle △ Box □ square □ Diamond ◊ blacksquare ■ blacktriangle ▲ blacktriangledown ▼ bigstar ★ lozenge ◊
    clubsuit ♣ diamondsuit ♢ heartsuit ♡ spadesuit ♠ sharp ♯ flat ♭ natural ♮ surd √ prime ′ backprime ‵ checkmark ✓
    complement ∁ eth ð mho ℧ Finv Ⅎ Game ⅁ Bbbk 𝕜 circledR ® maltese ✠ dag † ddag ‡ pounds £ yen ¥ copyright ©
    backslash \\ vartriangle ▵ triangledown ▽ circledS Ⓢ
    S § P ¶
    """
)

# Operators, relations, arrows, punctuation: <mo>.
OPERATORS = _pairs(
    """
    pm ± mp ∓ times × div ÷ cdot ⋅ ast ∗ star ⋆ circ ∘ bullet ∙ cap ∩ cup ∪ uplus ⊎ sqcap ⊓ sqcup ⊔ vee ∨ lor ∨
    wedge ∧ land ∧ setminus ∖ smallsetminus ∖ wr ≀ diamond ⋄ oplus ⊕ ominus ⊖ otimes ⊗ oslash ⊘ odot ⊙ bigcirc ◯
    dagger † ddagger ‡ amalg ⨿ triangleleft ◁ triangleright ▷ bigtriangleup △ bigtriangledown ▽ ltimes ⋉ rtimes ⋊
    bowtie ⋈ Join ⋈ barwedge ⊼ veebar ⊻ boxplus ⊞ boxminus ⊟ boxtimes ⊠ boxdot ⊡ dotplus ∔ divideontimes ⋇ intercal ⊺
    lhd ⊲ rhd ⊳ unlhd ⊴ unrhd ⊵ Cap ⋒ Cup ⋓ curlyvee ⋎ curlywedge ⋏ circledast ⊛ circledcirc ⊚ circleddash ⊝
    leq ≤ le ≤ geq ≥ ge ≥ neq ≠ ne ≠ equiv ≡ sim ∼ simeq ≃ approx ≈ cong ≅ propto ∝ varpropto ∝ asymp ≍ doteq ≐
    prec ≺ succ ≻ preceq ⪯ succeq ⪰ ll ≪ gg ≫ lll ⋘ ggg ⋙ subset ⊂ supset ⊃ subseteq ⊆ supseteq ⊇ subsetneq ⊊
    supsetneq ⊋ nsubseteq ⊈ nsupseteq ⊉ sqsubset ⊏ sqsupset ⊐ sqsubseteq ⊑ sqsupseteq ⊒ in ∈ ni ∋ owns ∋ notin ∉
    vdash ⊢ dashv ⊣ models ⊨ vDash ⊨ Vdash ⊩ Vvdash ⊪ nvdash ⊬ nvDash ⊭ mid ∣ nmid ∤ parallel ∥ nparallel ∦ perp ⟂
    smile ⌣ frown ⌢ leqslant ⩽ geqslant ⩾ leqq ≦ geqq ≧ lesssim ≲ gtrsim ≳ lessapprox ⪅ gtrapprox ⪆ lessgtr ≶
    gtrless ≷ nless ≮ ngtr ≯ nleq ≰ ngeq ≱ lneq ⪇ gneq ⪈ lneqq ≨ gneqq ≩ nsim ≁ ncong ≇ approxeq ≊ thickapprox ≈
    thicksim ∼ backsim ∽ eqcirc ≖ circeq ≗ triangleq ≜ bumpeq ≏ Bumpeq ≎ doteqdot ≑ Doteq ≑ risingdotseq ≓
    fallingdotseq ≒ preccurlyeq ≼ succcurlyeq ≽ precsim ≾ succsim ≿ Subset ⋐ Supset ⋑ trianglelefteq ⊴
    trianglerighteq ⊵ vartriangleleft ⊲ vartriangleright ⊳ between ≬ pitchfork ⋔ therefore ∴ because ∵
    coloneqq ≔ eqqcolon ≕ shortmid ∣ shortparallel ∥
    leftarrow ← gets ← rightarrow → to → leftrightarrow ↔ Leftarrow ⇐ Rightarrow ⇒ Leftrightarrow ⇔ uparrow ↑
    downarrow ↓ updownarrow ↕ Uparrow ⇑ Downarrow ⇓ Updownarrow ⇕ longleftarrow ⟵ longrightarrow ⟶
    longleftrightarrow ⟷ Longleftarrow ⟸ Longrightarrow ⟹ Longleftrightarrow ⟺ iff ⟺ implies ⟹ impliedby ⟸
    mapsto ↦ longmapsto ⟼ hookleftarrow ↩ hookrightarrow ↪ nearrow ↗ searrow ↘ swarrow ↙ nwarrow ↖
    leftharpoonup ↼ leftharpoondown ↽ rightharpoonup ⇀ rightharpoondown ⇁ rightleftharpoons ⇌ leftrightharpoons ⇋
    leadsto ⇝ rightsquigarrow ⇝ leftrightarrows ⇆ rightleftarrows ⇄ leftleftarrows ⇇ rightrightarrows ⇉
    twoheadrightarrow ↠ twoheadleftarrow ↞ rightarrowtail ↣ leftarrowtail ↢ curvearrowright ↷ curvearrowleft ↶
    circlearrowright ↻ circlearrowleft ↺ upuparrows ⇈ downdownarrows ⇊ nrightarrow ↛ nleftarrow ↚ nRightarrow ⇏
    nLeftarrow ⇍ nleftrightarrow ↮ nLeftrightarrow ⇎ multimap ⊸ Lsh ↰ Rsh ↱ dashrightarrow ⇢ dashleftarrow ⇠
    ldots … dots … dotsc … dotso … cdots ⋯ dotsb ⋯ dotsm ⋯ dotsi ⋯ vdots ⋮ ddots ⋱ colon : ldotp . cdotp ⋅
    neg ¬ lnot ¬ vert | Vert ‖ | ‖
    """
)

# Operators that grow in display style and carry their limits above and below.
LARGE_OPERATORS = _pairs(
    """
    sum ∑ prod ∏ coprod ∐ bigcap ⋂ bigcup ⋃ bigvee ⋁ bigwedge ⋀ bigoplus ⨁ bigotimes ⨂ bigodot ⨀ biguplus ⨄
    bigsqcup ⨆
    """
)
INTEGRALS = _pairs("int ∫ iint ∬ iiint ∭ iiiint ⨌ oint ∮ smallint ∫")

# Delimiters, as they may follow \left, \right, \middle and \big.
DELIMITERS = _pairs(
    """
    lbrace { rbrace } langle ⟨ rangle ⟩ lfloor ⌊ rfloor ⌋ lceil ⌈ rceil ⌉ lvert | rvert | lVert ‖ rVert ‖ vert |
    Vert ‖ lgroup ⟮ rgroup ⟯ lmoustache ⎰ rmoustache ⎱ uparrow ↑ downarrow ↓ updownarrow ↕ Uparrow ⇑ Downarrow ⇓
    Updownarrow ⇕ backslash \\ ulcorner ⌜ urcorner ⌝ llcorner ⌞ lrcorner ⌟ lbrack [ rbrack ]
    """
) | {"{": "{", "}": "}", "|": "‖"}

# Upright words; the second group takes limits below in display style.
FUNCTIONS = frozenset(
    "sin cos tan cot sec csc arcsin arccos arctan sinh cosh tanh coth log ln lg exp arg deg dim hom ker".split()
)
LIMIT_FUNCTIONS = frozenset("lim max min sup inf limsup liminf det gcd Pr injlim projlim argmax argmin".split())
FUNCTION_WORDS = {"limsup": "lim sup", "liminf": "lim inf", "injlim": "inj lim", "projlim": "proj lim"}
NOT_IN_LATEX = frozenset({"argmax", "argmin", "lg"})  # Written back by \operatorname.

SPACES_EM = {
    ",": 0.167,
    ":": 0.222,
    ">": 0.222,
    ";": 0.278,
    "!": -0.167,
    " ": 0.25,
    "quad": 1.0,
    "qquad": 2.0,
    "enspace": 0.5,
    "thinspace": 0.167,
    "medspace": 0.222,
    "thickspace": 0.278,
    "negthinspace": -0.167,
}

# Accents: character and whether it stretches over its base.
ACCENTS_OVER = {
    "hat": ("^", False),
    "widehat": ("\u0302", True),
    "tilde": ("~", False),
    "widetilde": ("\u0303", True),
    "bar": ("¯", False),
    "overline": ("‾", True),
    "vec": ("→", False),
    "overrightarrow": ("→", True),
    "overleftarrow": ("←", True),
    "overleftrightarrow": ("↔", True),
    "dot": ("˙", False),
    "ddot": ("¨", False),
    "dddot": ("⃛", False),
    "acute": ("´", False),
    "grave": ("`", False),
    "breve": ("˘", False),
    "check": ("ˇ", False),
    "mathring": ("˚", False),
    "overbrace": ("⏞", True),
    "overbracket": ("⎴", True),
    "overparen": ("⏜", True),
}
ACCENTS_UNDER = {
    "underline": ("_", True),
    "underbrace": ("⏟", True),
    "underbracket": ("⎵", True),
    "underrightarrow": ("→", True),
    "underleftarrow": ("←", True),
}
NOT_IN_AMSMATH = frozenset({"overparen"})

EXTENSIBLE_ARROWS = {
    "xrightarrow": "→",
    "xleftarrow": "←",
    "xleftrightarrow": "↔",
    "xRightarrow": "⇒",
    "xLeftarrow": "⇐",
    "xLeftrightarrow": "⇔",
    "xmapsto": "↦",
    "xrightleftharpoons": "⇌",
    "xhookrightarrow": "↪",
}

# Negated relations that Unicode has as one character.
NEGATIONS = {
    "=": "≠",
    "<": "≮",
    ">": "≯",
    "∈": "∉",
    "∋": "∌",
    "⊂": "⊄",
    "⊃": "⊅",
    "⊆": "⊈",
    "⊇": "⊉",
    "≡": "≢",
    "∼": "≁",
    "≃": "≄",
    "≈": "≉",
    "≅": "≇",
    "≤": "≰",
    "≥": "≱",
    "∣": "∤",
    "∥": "∦",
    "→": "↛",
    "⇒": "⇏",
    "∃": "∄",
    "⊢": "⊬",
    "⊨": "⊭",
}

# Font commands, by the alphabet they select.
FONTS = {
    "mathrm": "normal",
    "rm": "normal",
    "textrm": "normal",
    "mathup": "normal",
    "mathnormal": "italic",
    "mathit": "italic",
    "it": "italic",
    "mathbf": "bold",
    "bf": "bold",
    "mathbb": "double-struck",
    "Bbb": "double-struck",
    "mathcal": "script",
    "cal": "script",
    "mathscr": "script",
    "mathfrak": "fraktur",
    "frak": "fraktur",
    "mathsf": "sans-serif",
    "sf": "sans-serif",
    "mathtt": "monospace",
    "tt": "monospace",
    "boldsymbol": "bold-italic",
    "bm": "bold-italic",
    "pmb": "bold-italic",
    "bold": "bold",
}
FONT_COMMANDS = {  # How each alphabet is written back.
    "normal": "mathrm",
    "italic": "mathit",
    "bold": "mathbf",
    "double-struck": "mathbb",
    "script": "mathcal",
    "fraktur": "mathfrak",
    "sans-serif": "mathsf",
    "monospace": "mathtt",
    "bold-italic": "boldsymbol",
}
# Alphabet -> code points of its A, a, 0, Α, α in the Mathematical Alphanumeric Symbols block (None: has none).
_ALPHABETS: dict[str, tuple[int | None, int | None, int | None, int | None, int | None]] = {
    "bold": (0x1D400, 0x1D41A, 0x1D7CE, 0x1D6A8, 0x1D6C2),
    "bold-italic": (0x1D468, 0x1D482, 0x1D7CE, 0x1D71C, 0x1D736),
    "double-struck": (0x1D538, 0x1D552, 0x1D7D8, None, None),
    "script": (0x1D49C, 0x1D4B6, None, None, None),
    "fraktur": (0x1D504, 0x1D51E, None, None, None),
    "sans-serif": (0x1D5A0, 0x1D5BA, 0x1D7E2, None, None),
    "monospace": (0x1D670, 0x1D68A, 0x1D7F6, None, None),
}
# Letters that Unicode had before that block.
_OLDER_LETTERS = {
    "double-struck": dict(zip("CHNPQRZ", "ℂℍℕℙℚℝℤ", strict=True)),
    "script": dict(zip("BEFHILMRego", "ℬℰℱℋℐℒℳℛℯℊℴ", strict=True)),
    "fraktur": dict(zip("CHIRZ", "ℭℌℑℜℨ", strict=True)),
}


def letter_in_alphabet(letter: str, alphabet: str) -> str:
    """Find `letter` in a mathematical alphabet, or return it as it is where that alphabet has none."""
    older = _OLDER_LETTERS.get(alphabet, {})
    if letter in older:
        return older[letter]
    for first, last, start in zip("Aa0Αα", "Zz9Ωω", _ALPHABETS.get(alphabet, ()), strict=False):
        if first <= letter <= last and start is not None:
            return chr(start + ord(letter) - ord(first))
    return letter
