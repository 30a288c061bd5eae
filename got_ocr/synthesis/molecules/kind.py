"""Molecules: structural formulas drawn by RDKit, and their SMILES.

A molecule is well known (`molecules_known.py`), or a well-known one with other substituents, or put together from
pieces of several that BRICS cuts where synthesis would join them. The truth is the canonical isomeric SMILES; the
drawing is made from it, so it shows the stereochemistry that the text states, and the text draws the same again.
"""

import io
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np
from PIL import Image

from got_ocr.processing.mode import Mode
from got_ocr.processing.prompt import instruction
from got_ocr.synthesis.drawing.svg_picture import crop_to_ink, degrade_picture, scalable_families
from got_ocr.synthesis.molecules.known import KNOWN_MOLECULES
from got_ocr.synthesis.resources import Resources
from got_ocr.synthesis.sample import Sample, Turn
from got_ocr.synthesis.text.fonts import FontFace

# How often a known molecule is drawn as it is, and how often with other substituents; the rest is put together.
KNOWN_SHARE, SUBSTITUTED_SHARE = 0.15, 0.35
# Heavy atoms of what is drawn: more would be smaller than a letter in a picture of 1024 px.
FEWEST_ATOMS, MOST_ATOMS = 3, 42
MAX_DRAWS = 50
_SUBSTITUENTS = (
    "C", "C", "CC", "C(C)C", "C(C)(C)C", "C1CC1", "O", "OC", "OCC", "N", "N(C)C", "NC(C)=O", "F", "F", "Cl", "Cl",
    "Br", "I", "C#N", "C(=O)O", "C(=O)OC", "C(N)=O", "C(C)=O", "C=O", "[N+](=O)[O-]", "C(F)(F)F", "OC(F)(F)F",
    "S(N)(=O)=O", "S(C)(=O)=O", "SC", "c1ccccc1", "c1ccncc1", "c1ccc(F)cc1", "Cc1ccccc1", "Oc1ccccc1", "C=C", "C#C",
    "CO", "CN", "N1CCOCC1", "N1CCNCC1", "C1CCCCC1", "c1cccs1", "c1ccco1", "B(O)O", "P(=O)(O)O", "CCO",
    "CC(=O)O",
)  # fmt: skip
_SUBSTITUENTS_OF_HETEROATOMS = ("C", "CC", "C(C)=O", "Cc1ccccc1")
_PALETTES = ("black", "black", "black", "colour", "colour", "dark-colour", "blue-ink")


@dataclass(frozen=True)
class MoleculeStyle:
    """How a molecule is drawn.

    Attributes:
        bond_px: length of a bond.
        line_width_px: width of a bond's line.
        font_px: size of the atoms' symbols.
        font: file of the symbols' face; empty for RDKit's own.
        palette: `black`, `colour` (by element), `dark-colour`, `blue-ink`.
        rotation: degrees.
        kekulized: whether aromatic rings have double bonds; else they are drawn dashed.
        coordinates: who lays it out: `rdkit` or `coordgen`.
        bond_gap: distance between the lines of a double bond, as a share of the bond.
        symbol_padding: room about a symbol, as a share of its size.
        methyl: whether CH3 is written.
        chiral_hydrogens: whether the hydrogen atoms of chiral ring atoms are drawn.
        background: colour of the paper.
        margins_px: left, top, right, bottom.
    """

    bond_px: float = 34.0
    line_width_px: float = 2.0
    font_px: int = 20
    font: str = ""
    palette: str = "black"
    rotation: float = 0.0
    kekulized: bool = True
    coordinates: str = "rdkit"
    bond_gap: float = 0.15
    symbol_padding: float = 0.05
    methyl: bool = False
    chiral_hydrogens: bool = False
    background: tuple[int, int, int] = (255, 255, 255)
    margins_px: tuple[int, int, int, int] = (20, 20, 20, 20)


class Molecules:
    """Draws samples of molecules."""

    def __init__(self, resources: Resources) -> None:
        """Get ready.

        Args:
            resources: fonts for the atoms' symbols, and degradations.

        Raises:
            ValueError: RDKit is missing.
        """
        _require_rdkit()
        self.resources = resources
        self.maker = MoleculeMaker()

    @cached_property
    def _faces(self) -> list[FontFace]:
        return [faces[0] for faces in scalable_families(self.resources).values()]

    def draw(self, rng: np.random.Generator) -> Sample:
        """Draw one sample.

        Args:
            rng: the only source of chance.

        Returns:
            The picture and `<smiles>...</smiles>`.
        """
        redrawn = 0
        while True:
            origin, smiles = self.maker.make(rng)
            style = _draw_style(rng, self._faces)
            try:
                image = draw_structure(smiles, style)
                break
            except ValueError:
                redrawn += 1
                if redrawn >= MAX_DRAWS:
                    raise
        image, applied = degrade_picture(image, rng, self.resources)
        source = {
            "smiles": smiles,
            "origin": origin,
            "style": asdict(style),
            "size_px": list(image.size),
            "degradations": applied,
            "redrawn": redrawn,
        }
        turn = Turn(instruction(Mode("format")), f"<smiles>{smiles}</smiles>")
        return Sample("molecules", (image,), (turn,), source)


def _draw_style(rng: np.random.Generator, faces: list[FontFace]) -> MoleculeStyle:
    bond_px = float(rng.uniform(28.0, 80.0))
    white = rng.random() < 0.75
    tint = tuple(int(value) for value in rng.integers(236, 256, 3))
    return MoleculeStyle(
        bond_px=bond_px,
        line_width_px=float(max(1.0, bond_px * rng.uniform(0.03, 0.085))),
        font_px=round(bond_px * float(rng.uniform(0.42, 0.62))),
        font=faces[rng.integers(len(faces))].path if rng.random() < 0.6 else "",
        palette=str(rng.choice(_PALETTES)),
        rotation=float(rng.choice((0.0, 90.0, 180.0, 270.0)) if rng.random() < 0.7 else rng.uniform(0.0, 360.0)),
        kekulized=bool(rng.random() < 0.85),
        coordinates="coordgen" if rng.random() < 0.35 else "rdkit",
        bond_gap=float(rng.uniform(0.11, 0.2)),
        symbol_padding=float(rng.uniform(0.03, 0.12)),
        methyl=bool(rng.random() < 0.1),
        chiral_hydrogens=bool(rng.random() < 0.15),
        background=(255, 255, 255) if white else (tint[0], tint[1], tint[2]),
        margins_px=tuple(int(value) for value in rng.integers(8, 90, 4)),  # type: ignore[arg-type]
    )


def draw_structure(smiles: str, style: MoleculeStyle) -> Image.Image:
    """Draw a SMILES.

    Args:
        smiles: a valid SMILES.
        style: how.

    Returns:
        RGB picture.

    Raises:
        ValueError: it is no valid SMILES, or RDKit can't lay it out.
    """
    _require_rdkit()
    from rdkit import Chem
    from rdkit.Chem import rdCoordGen, rdDepictor
    from rdkit.Chem.Draw import rdMolDraw2D

    molecule = parse_smiles(smiles)
    if style.coordinates == "coordgen":
        rdCoordGen.AddCoords(molecule)
    else:
        rdDepictor.Compute2DCoords(molecule)
    try:
        prepared = rdMolDraw2D.PrepareMolForDrawing(
            molecule, kekulize=style.kekulized, addChiralHs=style.chiral_hydrogens, forceCoords=False
        )
        drawer = rdMolDraw2D.MolDraw2DCairo(*_canvas_px(prepared, style))
        _set_options(drawer.drawOptions(), style)
        drawer.DrawMolecule(prepared)
        drawer.FinishDrawing()
    except (RuntimeError, Chem.KekulizeException) as error:
        raise ValueError(f"RDKit can't draw {smiles}: {error}") from error
    image = Image.open(io.BytesIO(drawer.GetDrawingText())).convert("RGB")
    return crop_to_ink(image, style.margins_px)


def _canvas_px(molecule: Any, style: MoleculeStyle) -> tuple[int, int]:
    """Find out how large a canvas holds the drawing with room to spare.

    Raises:
        ValueError: atoms lie on each other, so that nobody could read the drawing.
    """
    places = molecule.GetConformer().GetPositions()[:, :2]
    if len(places) == 1:
        return round(8 * style.font_px), round(8 * style.font_px)
    bonds = [places[bond.GetBeginAtomIdx()] - places[bond.GetEndAtomIdx()] for bond in molecule.GetBonds()]
    mean = float(np.mean(np.linalg.norm(bonds, axis=1)))
    distances = np.linalg.norm(places[:, None] - places[None], axis=2) + 10.0 * mean * np.eye(len(places))
    if distances.min() < 0.45 * mean:
        raise ValueError("atoms lie on each other")
    angle = np.deg2rad(style.rotation)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    extents = np.maximum(np.ptp(places @ turn, axis=0), np.ptp(places @ turn.T, axis=0)) / mean * style.bond_px
    width, height = (round(float(extent) * 1.15 + 8 * style.font_px) for extent in extents)
    return width, height


def _set_options(options: Any, style: MoleculeStyle) -> None:
    _set_palette(options, style.palette)
    options.prepareMolsBeforeDrawing = False
    options.setBackgroundColour(tuple(value / 255 for value in style.background))
    options.fixedBondLength = style.bond_px
    options.fixedFontSize = style.font_px
    options.bondLineWidth = style.line_width_px
    options.scaleBondWidth = False
    options.multipleBondOffset = style.bond_gap
    options.additionalAtomLabelPadding = style.symbol_padding
    options.explicitMethyl = style.methyl
    options.rotate = style.rotation
    options.padding = 0.02
    if style.font:
        options.fontFile = style.font


def _set_palette(options: Any, palette: str) -> None:
    if palette == "black":
        options.useBWAtomPalette()
    elif palette == "colour":
        options.useDefaultAtomPalette()
    elif palette == "dark-colour":
        options.updateAtomPalette({7: (0.1, 0.1, 0.6), 8: (0.6, 0.05, 0.05), 16: (0.5, 0.4, 0.0), 17: (0.0, 0.4, 0.1)})
    else:
        options.updateAtomPalette(dict.fromkeys(range(-1, 100), (0.1, 0.15, 0.5)))


def parse_smiles(smiles: str) -> Any:
    """Read a SMILES.

    Args:
        smiles: the text.

    Returns:
        RDKit's molecule.

    Raises:
        ValueError: it isn't valid.
    """
    from rdkit import Chem, rdBase

    with rdBase.BlockLogs():
        molecule = Chem.MolFromSmiles(smiles)
    if molecule is None:
        raise ValueError(f"{smiles!r} is no valid SMILES")
    return molecule


def canonical_smiles(smiles: str) -> str:
    """Write a SMILES in RDKit's canonical, isomeric form.

    Args:
        smiles: any valid SMILES.

    Returns:
        The canonical one.

    Raises:
        ValueError: it isn't valid, or its canonical form is not stable.
    """
    from rdkit import Chem

    text = str(Chem.MolToSmiles(parse_smiles(smiles)))
    again = str(Chem.MolToSmiles(parse_smiles(text)))
    if again != text:
        raise ValueError(f"the canonical form of {smiles} is not stable: {text}, then {again}")
    return text


class MoleculeMaker:
    """Makes valid molecules that look like those of chemistry."""

    def __init__(self) -> None:
        """Cut the known molecules up."""
        self.known = list(KNOWN_MOLECULES.items())
        self.partners = _brics_partners()
        self.pieces = _brics_pieces([smiles for _, smiles in self.known], set(self.partners))
        # By label: pieces that it can be bonded by, and those of them that leave no end open.
        self.joints = {
            label: [piece for piece in self.pieces if label in {own for _, own in _open_ends(piece)}]
            for label in self.partners
        }
        self.ends = {
            label: [piece for piece in pieces if len(_open_ends(piece)) == 1] for label, pieces in self.joints.items()
        }

    def make(self, rng: np.random.Generator) -> tuple[str, str]:
        """Make a molecule.

        Args:
            rng: the source of chance.

        Returns:
            Where it comes from (a name, `substituted NAME` or `combined`), and its canonical SMILES.

        Raises:
            ValueError: none came about (that would be a fault of this module).
        """
        for _ in range(MAX_DRAWS):
            choice = rng.random()
            name, smiles = self.known[rng.integers(len(self.known))]
            try:
                if choice < SUBSTITUTED_SHARE:
                    origin, smiles = f"substituted {name}", self._substitute(rng, smiles)
                elif choice < 1.0 - KNOWN_SHARE:
                    origin, smiles = "combined", self._combine(rng)
                else:
                    origin = name
                smiles = canonical_smiles(smiles)
            except ValueError:
                continue  # What doesn't obey valence is drawn anew.
            if FEWEST_ATOMS <= parse_smiles(smiles).GetNumAtoms() <= MOST_ATOMS:
                return origin, smiles
        raise ValueError(f"no molecule came about in {MAX_DRAWS} attempts")

    def _substitute(self, rng: np.random.Generator, smiles: str) -> str:
        """Put one to three substituents in the place of hydrogen atoms."""
        from rdkit import Chem

        molecule = parse_smiles(smiles)
        for _ in range(rng.integers(1, 4)):
            free = [
                atom.GetIdx()
                for atom in molecule.GetAtoms()
                if atom.GetAtomicNum() in (6, 7, 8)
                and atom.GetTotalNumHs()
                and atom.GetFormalCharge() == 0
                and atom.GetChiralTag() == Chem.ChiralType.CHI_UNSPECIFIED
                and (atom.GetIsAromatic() or atom.GetAtomicNum() != 6 or rng.random() < 0.3)
            ]
            if not free:
                break
            place = free[rng.integers(len(free))]
            carbon = molecule.GetAtomWithIdx(place).GetAtomicNum() == 6
            substituents = _SUBSTITUENTS if carbon else _SUBSTITUENTS_OF_HETEROATOMS
            added = parse_smiles(substituents[rng.integers(len(substituents))])
            offset = molecule.GetNumAtoms()
            joined = Chem.RWMol(Chem.CombineMols(molecule, added))
            for index in (place, offset):  # An explicit hydrogen ([nH]) gives its place up.
                atom = joined.GetAtomWithIdx(index)
                atom.SetNumExplicitHs(max(0, atom.GetNumExplicitHs() - 1))
            joined.AddBond(place, offset, Chem.BondType.SINGLE)
            molecule = _sanitized(joined)
        return str(Chem.MolToSmiles(molecule))

    def _combine(self, rng: np.random.Generator) -> str:
        """Grow a molecule from BRICS pieces until no end is open."""
        from rdkit import Chem

        molecule = self.pieces[rng.integers(len(self.pieces))]
        room = int(rng.integers(12, MOST_ATOMS))
        while open_ends := _open_ends(molecule):
            if molecule.GetNumAtoms() > 2 * MOST_ATOMS:
                raise ValueError("the molecule grew too large")
            place, label = open_ends[rng.integers(len(open_ends))]
            partners = self.partners[label]
            partner = partners[rng.integers(len(partners))]
            is_full = molecule.GetNumAtoms() + 6 * len(open_ends) >= room
            choices = self.ends[partner] if is_full or rng.random() < 0.5 else self.joints[partner]
            if not choices:
                raise ValueError(f"no piece ends with BRICS' label {partner}")
            piece = choices[rng.integers(len(choices))]
            fitting = [index for index, other in _open_ends(piece) if other == partner]
            molecule = _join(molecule, place, piece, fitting[rng.integers(len(fitting))])
        return str(Chem.MolToSmiles(_sanitized(molecule)))


def _brics_partners() -> dict[str, list[str]]:
    """List for each of BRICS' labels those that it bonds with, by single bonds."""
    from rdkit.Chem import BRICS

    pairs = {(first, second) for group in BRICS.reactionDefs for first, second, bond in group if bond == "-"}
    labels = sorted({label for pair in pairs for label in pair})
    return {
        label: sorted(
            {second for first, second in pairs if first == label} | {one for one, two in pairs if two == label}
        )
        for label in labels
    }


def _brics_pieces(molecules: list[str], labels: set[str]) -> list[Any]:
    """Cut molecules up; the pieces have one to three dummy atoms, whose isotopes are BRICS' labels."""
    from rdkit.Chem import BRICS

    texts: set[str] = set()
    for smiles in molecules:
        molecule = parse_smiles(smiles)
        if molecule.GetNumAtoms() <= MOST_ATOMS:
            decompose: Any = BRICS.BRICSDecompose  # comes without types
            texts.update(decompose(molecule, minFragmentSize=1))
    pieces = [parse_smiles(text) for text in sorted(texts)]
    return [
        piece
        for piece in pieces
        if 1 <= len(_open_ends(piece)) <= 3
        and {label for _, label in _open_ends(piece)} <= labels
        and piece.GetNumAtoms() <= 24
    ]


def _open_ends(molecule: Any) -> list[tuple[int, str]]:
    """List the dummy atoms and their BRICS labels."""
    return [
        (atom.GetIdx(), str(atom.GetIsotope()))
        for atom in molecule.GetAtoms()
        if atom.GetAtomicNum() == 0 and atom.GetIsotope()
    ]


def _join(molecule: Any, end: int, other: Any, other_end: int) -> Any:
    """Bond the neighbours of two dummy atoms, and take these out."""
    from rdkit import Chem

    offset = molecule.GetNumAtoms()
    joined = Chem.RWMol(Chem.CombineMols(molecule, other))
    ends = (end, other_end + offset)
    first, second = (joined.GetAtomWithIdx(index).GetNeighbors()[0].GetIdx() for index in ends)
    joined.AddBond(first, second, Chem.BondType.SINGLE)
    for index in sorted(ends, reverse=True):
        joined.RemoveAtom(index)
    return joined.GetMol()


def _sanitized(molecule: Any) -> Any:
    """Check valence and perceive rings and aromaticity.

    Raises:
        ValueError: there can't be such a molecule.
    """
    from rdkit import Chem, rdBase

    result = Chem.Mol(molecule)
    with rdBase.BlockLogs():
        try:
            Chem.SanitizeMol(result)
        except (Chem.MolSanitizeException, RuntimeError) as error:
            raise ValueError(f"not a molecule: {error}") from error
    if any(atom.GetNumRadicalElectrons() for atom in result.GetAtoms()):
        raise ValueError("a radical")
    return result


def _require_rdkit() -> None:
    try:
        import rdkit  # noqa: F401
    except ImportError as error:
        raise ValueError("molecules need RDKit: pip install rdkit") from error
