# /// script
# requires-python = ">=3.10"
# dependencies = [
#     "datasets>=3.0",
#     "got-ocr>=0.2",
#     "pillow",
# ]
# ///
"""Read a data set's pictures with GOT-OCR 2.0: data set in, data set with a column of text out.

On the Hub's machines, where `--push` writes to your account:

    hf jobs uv run --flavor l4x1 --secrets HF_TOKEN hub_job.py davanstrien/ufo-ColPali me/ufo-read --push \
        --model stepfun-ai/GOT-OCR2_0 --type format

Here, from a folder of pictures or a saved data set into another:

    uv run hub_job.py scans/ read/
    python hub_job.py scans/ read/
"""

import argparse
import sys
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from datasets import Dataset, DatasetDict, Image, load_dataset, load_from_disk

import got_ocr
from got_ocr.hub.model_choice import choose_model, load_model

TAGS = ["ocr", "got-ocr", "uv-script"]
CARD = """# {source}, read
Pictures of the column `{image_column}` of {source} (split {split}), read as {type} by {model} with got-ocr {version}
on {day}. Each row has the text in `{output_column}`, its mean probability in `{output_column}_probability`, and in
`{output_column}_error` why a picture could not be read.
"""


def make_parser() -> argparse.ArgumentParser:
    """Make the parser of the arguments."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("input", help="data set: Hub id, folder of pictures, or folder of save_to_disk")
    parser.add_argument("output", help="folder to write; with --push the id of a data set on the Hub")
    parser.add_argument("--push", action="store_true", help="push the result to the Hub")
    parser.add_argument("--private", action="store_true", help="make that data set private")
    parser.add_argument("--model", help="checkpoint: Hub id, folder or nano (default: as got-ocr chooses)")
    parser.add_argument(
        "--type", choices=("ocr", "format"), default="ocr", help="plain text, or Markdown and formulas"
    )
    parser.add_argument("--image-column", default="image", help="column of pictures (default: %(default)s)")
    parser.add_argument("--output-column", default="text", help="column for the text (default: %(default)s)")
    parser.add_argument("--split", default="train", help="split to read (default: %(default)s)")
    parser.add_argument("--max-samples", type=int, metavar="N", help="read so many only")
    parser.add_argument("--shuffle", action="store_true", help="choose those at random")
    parser.add_argument("--seed", type=int, default=42, help="of that choice (default: %(default)s)")
    parser.add_argument(
        "--batch-size", type=int, default=8, metavar="N", help="pictures at once (default: %(default)s)"
    )
    parser.add_argument("--max-new-tokens", type=int, default=4096, metavar="N", help="longest answer (%(default)s)")
    parser.add_argument("--device", default="auto", help="cuda, cpu ... (default: the best there is)")
    return parser


def load(name: str, split: str) -> Dataset:
    """Load what was named: a folder that save_to_disk wrote, a folder of pictures, or a data set of the Hub."""
    folder = Path(name)
    if not folder.is_dir():
        return load_dataset(name, split=split)
    if not any((folder / file).is_file() for file in ("dataset_info.json", "state.json", "dataset_dict.json")):
        return load_dataset("imagefolder", data_dir=str(folder), split=split)
    found = load_from_disk(str(folder))
    if not isinstance(found, DatasetDict):
        return found
    if split not in found:
        raise SystemExit(f"{name} has no split {split!r}: give --split one of {', '.join(found)}.")
    return found[split]


def choose(data: Dataset, arguments: argparse.Namespace) -> Dataset:
    """Take the rows that are to be read, after a look at the columns."""
    column, target = arguments.image_column, arguments.output_column
    if column not in data.column_names:
        raise SystemExit(f"there is no column {column!r}: give --image-column one of {', '.join(data.column_names)}.")
    new = {target, f"{target}_probability", f"{target}_error"}
    if taken := new & set(data.column_names):
        raise SystemExit(f"there is a column {min(taken)!r} already: give another --output-column.")
    if arguments.shuffle:
        data = data.shuffle(seed=arguments.seed)
    if arguments.max_samples is not None:
        data = data.select(range(min(arguments.max_samples, len(data))))
    # Not decoded by datasets: a picture that is broken must cost its own row only.
    return data.cast_column(column, Image(decode=False))


def main() -> int:
    """Read. Returns: the exit code, 1 if no picture could be read."""
    arguments = make_parser().parse_args()
    data = choose(load(arguments.input, arguments.split), arguments)
    choice = choose_model(arguments.model)
    model, processor = load_model(choice, arguments.device)
    target = arguments.output_column

    def read(batch: dict[str, list[Any]]) -> dict[str, list[Any]]:
        answers = model.chat(
            processor,
            [picture["bytes"] or picture["path"] for picture in batch[arguments.image_column]],
            ocr_type=arguments.type,
            batch_size=arguments.batch_size,
            max_new_tokens=arguments.max_new_tokens,
            on_error="return",
            return_dict=True,
        )
        return {
            target: [answer["text"] for answer in answers],
            f"{target}_probability": [answer["mean_probability"] for answer in answers],
            f"{target}_error": [answer["error"] for answer in answers],
        }

    done = data.map(read, batched=True, batch_size=arguments.batch_size, desc="Reading", load_from_cache_file=False)
    done = done.cast_column(arguments.image_column, Image())
    failed = sum(error is not None for error in done[f"{target}_error"])
    is_on_hub = not Path(choice.location).exists()
    card = CARD.format(
        source=arguments.input,
        image_column=arguments.image_column,
        split=arguments.split,
        type=arguments.type,
        model=f"[{choice.location}](https://huggingface.co/{choice.location})" if is_on_hub else "a local checkpoint",
        version=got_ocr.__version__,
        day=datetime.now(timezone.utc).date(),
        output_column=target,
    )
    if arguments.push:
        from huggingface_hub import DatasetCard

        done.push_to_hub(arguments.output, private=arguments.private)
        written = DatasetCard.load(arguments.output)  # It has the columns, which the Hub's viewer wants.
        written.text, written.data.tags = card, TAGS
        written.push_to_hub(arguments.output)
    else:
        done.save_to_disk(arguments.output)
        Path(arguments.output, "README.md").write_text(card, encoding="utf-8")
    print(f"{len(done)} pictures, {failed} could not be read: {arguments.output}", file=sys.stderr)
    return int(len(done) > 0 and failed == len(done))


if __name__ == "__main__":
    sys.exit(main())
