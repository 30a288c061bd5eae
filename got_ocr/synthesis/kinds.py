"""The kinds of samples by name, and how to make one."""

from importlib import import_module

from got_ocr.synthesis.resources import Resources
from got_ocr.synthesis.sample import Kind

# Name -> module and class, imported only when asked for: many need packages of the extra `synth`.
KINDS = {
    "pages": "got_ocr.synthesis.pages.kind:PlainPages",
    "slices": "got_ocr.synthesis.pages.kind:PageSlices",
    "receipts": "got_ocr.synthesis.documents.kinds:Receipts",
    "forms": "got_ocr.synthesis.documents.kinds:Forms",
    "screens": "got_ocr.synthesis.documents.kinds:Screens",
    "scene": "got_ocr.synthesis.scenes.kind:SceneText",
    "handwriting": "got_ocr.synthesis.scenes.handwriting:Handwriting",
    "formulas": "got_ocr.synthesis.formulas.kind:Formulas",
    "tables": "got_ocr.synthesis.tables.kind:Tables",
    "formatted": "got_ocr.synthesis.formatted.kind:FormattedPages",
    "molecules": "got_ocr.synthesis.molecules.kind:Molecules",
    "music": "got_ocr.synthesis.music.kind:SheetMusic",
    "geometry": "got_ocr.synthesis.geometry.kind:Geometry",
    "charts": "got_ocr.synthesis.charts.kind:Charts",
    "boxes": "got_ocr.synthesis.pages.regions:Boxes",
    "colors": "got_ocr.synthesis.pages.regions:Colors",
    "multi-crop": "got_ocr.synthesis.pages.multi_crop:MultiCrop",
    "multi-page": "got_ocr.synthesis.pages.multi_page:MultiPage",
}


def make_kind(name: str, resources: Resources) -> Kind:
    """Make the source of one kind of samples.

    Args:
        name: one of `KINDS`.
        resources: fonts and text to draw with.

    Returns:
        The source.

    Raises:
        ValueError: there is no such kind, or a package or program that it needs is missing (the message names it).
    """
    if name not in KINDS:
        raise ValueError(f"there is no kind {name!r}: choose one of {', '.join(KINDS)}")
    module, class_name = KINDS[name].split(":")
    kind: Kind = getattr(import_module(module), class_name)(resources)
    return kind
