"""Draw SMILES as structural formulas by RDKit."""

import re
from typing import Any

from got_ocr.rendering.svg import DrawingError

MAX_CHARACTERS = 500  # RDKit takes half a second to lay out as many atoms, and no printed structure has them.


def draw_molecule(smiles: str, inline: bool = False) -> str:
    """Draw a molecule.

    Args:
        smiles: Its SMILES; several molecules parted by dots.
        inline: Whether it stands within a line, smaller.

    Returns:
        An SVG (not sanitised yet).

    Raises:
        DrawingError: If RDKit isn't installed or the SMILES isn't valid.
    """
    try:
        from rdkit import Chem, RDLogger
        from rdkit.Chem.Draw import rdMolDraw2D
    except ImportError:
        raise DrawingError("molecules need RDKit: pip install rdkit") from None
    smiles = re.sub(r"\s+", "", smiles)
    if not smiles or len(smiles) > MAX_CHARACTERS:
        raise DrawingError(f"a SMILES of {len(smiles)} characters (1 to {MAX_CHARACTERS} can be drawn)")
    if not smiles.isascii():
        raise DrawingError("not a valid SMILES: it has characters outside ASCII")
    RDLogger.DisableLog("rdApp.*")  # type: ignore[attr-defined, unused-ignore]
    try:
        molecule = Chem.MolFromSmiles(smiles)
        if molecule is None:  # Drawn as written where only its chemistry is wrong (five bonds at a carbon).
            molecule = Chem.MolFromSmiles(smiles, sanitize=False)
            if molecule is None:
                raise DrawingError("not a valid SMILES")
            molecule.UpdatePropertyCache(strict=False)
        drawer = rdMolDraw2D.MolDraw2DSVG(-1, -1)
        options: Any = drawer.drawOptions()
        options.clearBackground = False
        options.useBWAtomPalette()
        options.fixedBondLength = 18 if inline else 26
        options.fixedFontSize = 11 if inline else 14
        options.bondLineWidth = 1 if inline else 1.6
        rdMolDraw2D.PrepareAndDrawMolecule(drawer, molecule, kekulize=molecule.GetRingInfo() is not None)
        drawer.FinishDrawing()
        return str(drawer.GetDrawingText())
    except DrawingError:
        raise
    except Exception as error:  # RDKit raises RuntimeError and Boost's own types.
        raise DrawingError(f"RDKit could not draw this SMILES: {type(error).__name__}") from None
