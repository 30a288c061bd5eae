"""Evaluation: run an engine over ground truth, score its answers, report them.

Text in, figures out: only `engines.py` touches a model or a picture. Each module holds one concept and imports what is
heavy inside the function that needs it; the packages are those of the extra `eval`.

    text_metrics, meteor, words      Fox's six figures, CER and WER of a pair of texts
    sections, tables, formulas       a formatted page in its parts; TEDS; formula similarity
    reading_order, charts            order of the blocks of a page; OneChart's SCRM
    samples, results                 ground truth in; answers on disk, appended as they come
    engines, runner, ray_runner      who reads, and how the work is shared
    scoring, statistics              figures of a result file, intervals, paired comparison
    report_text, report_html         what people read
"""
