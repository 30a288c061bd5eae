"""Molecules of the data engine: valid chemistry, truth that draws the same picture again."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("rdkit")
pytest.importorskip("resvg_py")
matplotlib = pytest.importorskip("matplotlib")

from rdkit import Chem  # noqa: E402
from rdkit.Chem.rdMolDescriptors import CalcMolFormula  # noqa: E402

from got_ocr.rendering.molecules import draw_molecule  # noqa: E402
from got_ocr.synthesis.drawing.svg_picture import crop_to_ink, draw_svg  # noqa: E402
from got_ocr.synthesis.molecules import kind as molecules  # noqa: E402
from got_ocr.synthesis.molecules.kind import MoleculeMaker, Molecules, MoleculeStyle, draw_structure  # noqa: E402
from got_ocr.synthesis.molecules.known import KNOWN_MOLECULES  # noqa: E402
from got_ocr.synthesis.resources import Resources  # noqa: E402

FONTS = Path(matplotlib.get_data_path(), "fonts", "ttf")


@pytest.fixture(scope="module")
def kind():
    return Molecules(Resources(font_files=(FONTS,)))


def smiles_of(sample):
    answer = sample.turns[0].answer
    assert answer.startswith("<smiles>") and answer.endswith("</smiles>")
    return answer.removeprefix("<smiles>").removesuffix("</smiles>")


def likeness(one, other):
    """Correlation of two pictures' ink, each cut to it."""
    arrays = []
    for image in (one, other):
        grey = crop_to_ink(image, (4, 4, 4, 4)).convert("L").resize((96, 96), Image.Resampling.BOX)
        arrays.append(np.asarray(grey, dtype=float).ravel())
    return float(np.corrcoef(*arrays)[0, 1])


def test_every_known_molecule_is_valid_and_its_canonical_form_stable():
    assert len(KNOWN_MOLECULES) >= 300
    forms = {molecules.canonical_smiles(smiles) for smiles in KNOWN_MOLECULES.values()}
    assert len(forms) == len(KNOWN_MOLECULES)


@pytest.mark.parametrize(
    ("name", "formula"),
    [
        ("caffeine", "C8H10N4O2"),
        ("cholesterol", "C27H46O"),
        ("sildenafil", "C22H30N6O4S"),
        ("glucose", "C6H12O6"),
        ("imatinib", "C29H31N7O"),
        ("quinine", "C20H24N2O2"),
        ("riboflavin", "C17H20N4O6"),
        ("tryptophan", "C11H12N2O2"),
    ],
)
def test_known_molecules_have_their_formulas(name, formula):
    assert CalcMolFormula(Chem.MolFromSmiles(KNOWN_MOLECULES[name])) == formula


def test_samples_are_valid_canonical_and_of_a_size_that_can_be_read(kind):
    origins = set()
    for seed in range(40):
        sample = kind.draw(np.random.default_rng(seed))
        smiles = smiles_of(sample)
        molecule = Chem.MolFromSmiles(smiles)
        assert Chem.MolToSmiles(molecule) == smiles == sample.source["smiles"]
        assert molecules.FEWEST_ATOMS <= molecule.GetNumAtoms() <= molecules.MOST_ATOMS
        assert not any(atom.GetNumRadicalElectrons() or not atom.GetAtomicNum() for atom in molecule.GetAtoms())
        assert sample.turns[0].instruction == "OCR with format: "
        assert sample.images[0].mode == "RGB"
        origins.add(sample.source["origin"].split()[0])
    assert {"substituted", "combined"} < origins


def test_equal_generators_give_equal_samples_whatever_was_drawn_before(kind):
    first = kind.draw(np.random.default_rng(5))
    Molecules(Resources(font_files=(FONTS,))).draw(np.random.default_rng(6))
    again = Molecules(Resources(font_files=(FONTS,))).draw(np.random.default_rng(5))
    assert first.images[0].tobytes() == again.images[0].tobytes()
    assert first.turns == again.turns and first.source == again.source


def test_the_answer_draws_the_same_picture_again(kind):
    for seed in range(8):
        sample = kind.draw(np.random.default_rng(seed))
        style = MoleculeStyle(**sample.source["style"])
        again = draw_structure(smiles_of(sample), style)
        assert again.tobytes() == sample.images[0].tobytes()


def test_the_renderer_of_answers_draws_the_molecule_and_no_other(kind):
    upright = []
    for seed in range(10):
        smiles = smiles_of(kind.draw(np.random.default_rng(seed)))
        plain = draw_structure(smiles, MoleculeStyle())
        upright.append((plain, draw_svg(draw_molecule(smiles), zoom=2.0)))
    table = np.array([[likeness(plain, answer) for _, answer in upright] for plain, _ in upright])
    assert np.diag(table).min() > 0.6
    assert (table.argmax(axis=1) == np.arange(len(table))).all()
    assert np.mean(np.diag(table)) > np.mean(table[~np.eye(len(table), dtype=bool)]) + 0.4


def test_style_shows():
    smiles = KNOWN_MOLECULES["aspirin"]
    plain = draw_structure(smiles, MoleculeStyle())
    coloured = np.asarray(draw_structure(smiles, MoleculeStyle(palette="colour")), dtype=int)
    assert np.ptp(np.asarray(plain, dtype=int), axis=2).max() < 8
    assert np.ptp(coloured, axis=2).max() > 150
    assert draw_structure(smiles, MoleculeStyle(kekulized=False)).tobytes() != plain.tobytes()
    turned = draw_structure(smiles, MoleculeStyle(rotation=90.0))
    assert abs(turned.width - plain.height) < 30 and abs(turned.height - plain.width) < 30
    with_margins = draw_structure(smiles, replace(MoleculeStyle(), margins_px=(50, 20, 20, 20)))
    assert with_margins.width == plain.width + 30


def test_drawings_are_never_cut_off(kind):
    for seed in range(60, 90):
        sample = kind.draw(np.random.default_rng(seed))
        style = MoleculeStyle(**sample.source["style"])
        again = draw_structure(smiles_of(sample), replace(style, margins_px=(0, 0, 0, 0)))
        wider = draw_structure(smiles_of(sample), replace(style, margins_px=(5, 5, 5, 5)))
        assert wider.size == (again.width + 10, again.height + 10)


def test_what_is_no_smiles_is_refused():
    with pytest.raises(ValueError, match="'C1CC' is no valid SMILES"):
        draw_structure("C1CC", MoleculeStyle())
    with pytest.raises(ValueError, match="no valid SMILES"):
        molecules.canonical_smiles("C(C)(C)(C)(C)C")


def test_pieces_are_joined_as_brics_allows():
    maker = MoleculeMaker()
    assert len(maker.pieces) > 150
    assert maker.partners["1"] == ["10", "3", "5"]
    assert all(maker.ends[label] for label in maker.partners if maker.joints[label])
