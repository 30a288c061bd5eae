"""The training run of nano: stages, losses, optimisers, and a state that resumes to the bit."""

import json
import logging
import math
import os
import signal
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, distributed, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.data import DataLoader, Dataset

from got_ocr.configuration.config import GotOcrConfig
from got_ocr.nano.batches import Batch, BatchSource, Vocabulary
from got_ocr.nano.config import NanoTrainingConfig, Stage
from got_ocr.nano.dense import IGNORED, TOKEN_PX, DenseHeads, guide_loss
from got_ocr.nano.muon import Muon
from got_ocr.nano.network import decode, encode_strip, initialise, unfold_grey_from_rgb
from got_ocr.reading.model import GotOcrForConditionalGeneration
from got_ocr.synthesis.documents.lines import DocumentText
from got_ocr.synthesis.documents.slices import MONOSPACED_FAMILIES, NARROW_FAMILIES, DocumentSliceSource
from got_ocr.synthesis.text.corpus import TextSource, load_corpus, split_corpus
from got_ocr.synthesis.text.fonts import installed_faces, select_families
from got_ocr.synthesis.text.formula_lines import FormulaLineSource, math_fonts
from got_ocr.synthesis.text.text_image import TextImageSource
from got_ocr.training.failures import check_finite_loss, check_finite_weights, naming_full_disk

logger = logging.getLogger(__name__)

PATCH_EMBEDDING = "model.vision_tower_high.patch_embed.proj"
STATE_FILE = "state.pt"
NOT_WRITTEN = "the state is not written, the one before is kept"
LOG_FILE = "log.jsonl"
SYNCHRONISE_EVERY_STEPS = 10
# The layers of the decoder whose first head is drawn to the current and to the next character's image token.
CURRENT_LAYER, NEXT_LAYER = 1, 2


def build_picture_source(
    config: NanoTrainingConfig, vocabulary: Vocabulary, cache: Path, held_out: bool
) -> TextImageSource:
    """Make the source of pictures of one side of the split.

    Args:
        config: fonts, text mix and sizes.
        vocabulary: its alphabet bounds the text.
        cache: where the cleaned prose lies or is to lie.
        held_out: True for evaluation text (fonts aren't changed by it).

    Returns:
        The source.
    """
    faces = installed_faces()
    families = select_families(faces, config.families)
    corpus = split_corpus(load_corpus(cache, [Path(path) for path in config.corpus]), held_out, vocabulary.alphabet)
    text = TextSource(corpus, config.prose_share, config.dictionary_share)
    has_formulas = any(canvas.formulas for stage in config.stages for canvas in stage.canvases)
    held_out_families = set(config.held_out_families)
    formula_lines = None
    if has_formulas:
        formula_lines = FormulaLineSource(math_fonts([face for face in faces if face.family not in held_out_families]))
    documents = None
    if config.document_share:
        machine = select_families([*faces, *installed_faces("sw")], MONOSPACED_FAMILIES + NARROW_FAMILIES)
        documents = DocumentSliceSource(families, machine, DocumentText(corpus, vocabulary.alphabet))
    return TextImageSource(
        families,
        text,
        config.size_px,
        config.augmentation_strength,
        config.empty_share,
        formula_lines=formula_lines,
        documents=documents,
        document_share=config.document_share,
    )


def build_batch_source(
    config: NanoTrainingConfig, cache: Path, held_out: bool, seed: int
) -> tuple[GotOcrConfig, BatchSource]:
    """Read the model's configuration and make the source of its batches.

    Args:
        config: names model and vocabulary.
        cache: see `build_picture_source`.
        held_out: likewise.
        seed: of the batches.

    Returns:
        The configuration, with a one-channel tower, and the source.
    """
    model_config = GotOcrConfig(**json.loads(Path(config.model).read_text(encoding="utf-8")))
    vocabulary = Vocabulary(Path(config.vocabulary))
    pictures = build_picture_source(config, vocabulary, cache, held_out)
    vision = model_config.vision_config
    source = BatchSource(pictures, vocabulary, vision.image_size, vision.patch_size, seed, config.plain_formula_share)
    return model_config, source


class StepBatches(Dataset[Batch]):
    """The batches of a run by their step, for loader processes."""

    def __init__(self, batches: BatchSource, config: NanoTrainingConfig, rank: int) -> None:
        """Set what the batches depend on.

        Args:
            batches: of the run's seed.
            config: its stages.
            rank: of this process.
        """
        self.batches = batches
        self.config = config
        self.rank = rank

    def __getitem__(self, step: int) -> Batch:
        """Make a step's batch. Args: step: from 0. Returns: the batch."""
        share = self.config.variety_share
        variety = min(1.0, 0.1 + 0.9 * step / self.config.steps / share) if share else 1.0
        stage = stage_of(self.config, step)
        return self.batches.batch(step, self.rank, stage.canvases, variety, stage.formats)

    def stream(self, first: int) -> Iterator[Batch]:
        """Give batch after batch, made ahead by `loader_processes`.

        Args:
            first: the step to begin with.

        Returns:
            The batches up to the run's last step.
        """
        steps = range(first, self.config.steps)
        return iter(DataLoader(self, batch_size=None, sampler=steps, num_workers=self.config.loader_processes))


def stage_of(config: NanoTrainingConfig, step: int) -> Stage:
    """Find the stage that a step belongs to.

    Args:
        config: of the run.
        step: from 0.

    Returns:
        The stage.
    """
    end = 0.0
    for stage in config.stages:
        end += stage.share
        if step < end * config.steps - 1e-6:
            return stage
    return config.stages[-1]


def grey_weights(checkpoint: Path) -> dict[str, Tensor]:
    """Read an exported checkpoint as weights to train on from.

    Args:
        checkpoint: folder that export.py wrote.

    Returns:
        Weights by name, with a one-channel patch embedding.
    """
    state = GotOcrForConditionalGeneration.from_pretrained(checkpoint).state_dict()
    names = f"{PATCH_EMBEDDING}.weight", f"{PATCH_EMBEDDING}.bias"
    return {**state, **dict(zip(names, unfold_grey_from_rgb(*(state[name] for name in names)), strict=True))}


def weights_of(state: Mapping[str, Any]) -> dict[str, Tensor]:
    """Tell the weights that ship.

    Args:
        state: what a run saved, or an average of two.

    Returns:
        The moving average of a run that kept one (`average_decay`), else the last weights.
    """
    weights: dict[str, Tensor] = state.get("average", state["model"])
    return weights


class NanoTrainer:
    """One process's part of a run."""

    def __init__(
        self, config: NanoTrainingConfig, model_config: GotOcrConfig, batches: BatchSource, output: Path
    ) -> None:
        """Build the model at its starting values.

        Args:
            config: of the run.
            model_config: of the model, with a one-channel tower.
            batches: of this seed.
            output: folder of the state and the log.
        """
        self.config = config
        self.batches = batches
        self.output = output
        self.step = 0
        self.seconds = 0.0
        self.characters = 0
        self.saved_at = 0.0
        self.stopping = False
        self.rank = distributed.get_rank() if distributed.is_initialized() else 0
        self.world_size = distributed.get_world_size() if distributed.is_initialized() else 1
        self.device = torch.device(config.device)
        self.model = GotOcrForConditionalGeneration(model_config)
        initialise(self.model, config.seed)
        if config.start_from:
            weights = grey_weights(Path(config.start_from))
            check_finite_weights(weights, config.start_from, "export the checkpoint again, or start from another")
            self.model.load_state_dict(weights)
        torch.manual_seed(config.seed)
        self.heads = DenseHeads(
            model_config.vision_config.output_channels, model_config.hidden_size, batches.vocabulary.characters
        )
        if config.start_heads:
            _load_heads(self.heads, config.start_heads)
        self.model.to(self.device)
        self.heads.to(self.device)
        self.average: AveragedModel | None = None
        if config.average_decay:
            self.average = AveragedModel(self.model, multi_avg_fn=get_ema_multi_avg_fn(config.average_decay))
        self.prefix = batches.vocabulary.encode_prompt("")[0].to(self.device)
        self.waiting: Iterator[Batch] | None = None
        named = [*self.model.named_parameters(), *self.heads.named_parameters()]
        matrices = [parameter for name, parameter in named if _is_hidden_matrix(name, parameter)]
        others = [parameter for name, parameter in named if not _is_hidden_matrix(name, parameter)]
        self.parameters = matrices + others
        self.muon = Muon(matrices, lr=config.muon_lr, weight_decay=config.weight_decay)
        self.adamw = torch.optim.AdamW(others, lr=config.adamw_lr, betas=config.adamw_betas, weight_decay=0.0)

    def stage(self) -> Stage:
        """The stage that the next step belongs to."""
        return stage_of(self.config, self.step)

    def rate_factor(self) -> float:
        """The next step's factor on the learning rates: warm-up, plateau, linear decay to zero."""
        rise = (self.step + 1) / self.config.warmup_steps
        fall = (self.config.steps - self.step) / (self.config.decay_share * self.config.steps)
        return min(1.0, rise, fall)

    def losses(self, batch: Batch, decoder: bool) -> dict[str, Tensor]:
        """Compute every loss of a batch, unweighted, and the accuracies for the log (`..._accuracy`).

        Args:
            batch: the pictures.
            decoder: whether to run the decoder.

        Returns:
            Scalars by name.
        """
        encoded = encode_strip(self.model, batch.grey, batch.first_row)
        columns = batch.grey.shape[-1] // TOKEN_PX
        cells = self.heads.read_cells(encoded, batch.chosen, batch.labels)
        tokens = self.heads.read_tokens(encoded, batch.chosen, batch.labels, columns)
        losses = {
            "neck": cells.loss,
            "tokens": tokens.loss,
            "neck_accuracy": cells.accuracy,
            "tokens_accuracy": tokens.accuracy,
        }
        if decoder:
            losses |= self._decoder_losses(batch, encoded.tokens)
        return losses

    def _decoder_losses(self, batch: Batch, tokens: Tensor) -> dict[str, Tensor]:
        embed = self.model.model.embed_tokens
        count = len(batch.answer)
        given = batch.answer[:, :-1].clamp(min=0)  # what lies behind an answer's end is never scored
        tail = embed(batch.instruction).expand(count, -1, -1)
        sequence = torch.cat([tokens, tail, embed(given)], dim=1)
        output = decode(self.model, self.prefix, sequence, (CURRENT_LAYER, NEXT_LAYER))

        start = tokens.shape[1] + len(batch.instruction) - 1  # the position that predicts the first character
        hidden = output.hidden[:, start:]
        scored = batch.answer != IGNORED
        logits = F.linear(hidden[scored], embed.weight)
        wanted = batch.answer[scored]

        image = len(self.prefix)  # the key of the first image token
        following = torch.where(batch.token == IGNORED, IGNORED, batch.token + image)
        current = F.pad(following[:, :-1], (1, 0), value=IGNORED)
        placed = batch.slot != IGNORED
        return {
            "text": F.cross_entropy(logits, wanted),
            "guide_current": guide_loss(output.attention[CURRENT_LAYER][:, start:], current),
            "guide_next": guide_loss(output.attention[NEXT_LAYER][:, start:], following),
            "slot": F.cross_entropy(self.heads.next_slot(hidden[placed]), batch.slot[placed]),
            "text_accuracy": (logits.detach().argmax(-1) == wanted).float().mean(),
        }

    def train_step(self) -> dict[str, float]:
        """Make one step.

        Returns:
            This process's losses and accuracies.
        """
        config, stage = self.config, self.stage()
        progress = self.step / config.steps
        if self.waiting is None:
            self.waiting = StepBatches(self.batches, config, self.rank).stream(self.step)
        batch = next(self.waiting).to(self.device)
        losses = self.losses(batch, stage.decoder)
        first, last = config.dense_weights
        dense = first + (last - first) * progress
        if config.start_from and not config.start_heads:  # Fresh heads must not shake weights that read already.
            dense *= min(1.0, (self.step + 1) / config.warmup_steps)
        total = torch.zeros((), device=self.device)
        for name, loss in losses.items():
            if not name.endswith("accuracy"):
                total = total + (loss if name == "text" else dense * loss)
        check_finite_loss(total.item(), self.step + 1, "float32", config.muon_lr)
        total.backward()
        self._reduce_gradients()
        used = [parameter for parameter in self.parameters if parameter.grad is not None]
        nn.utils.clip_grad_norm_(used, config.clip_norm)
        factor = self.rate_factor()
        self.muon.param_groups[0]["lr"] = config.muon_lr * factor
        self.adamw.param_groups[0]["lr"] = config.adamw_lr * factor
        for optimiser in (self.muon, self.adamw):
            optimiser.step()
            optimiser.zero_grad(set_to_none=True)
        if self.average is not None:
            self.average.update_parameters(self.model)
        self.step += 1
        self.characters += batch.characters * self.world_size
        return {name: loss.item() for name, loss in losses.items()}

    def _reduce_gradients(self) -> None:
        """Average the gradients over the processes."""
        if self.world_size == 1:
            return
        gradients = [parameter.grad for parameter in self.parameters if parameter.grad is not None]
        flat = torch.cat([gradient.flatten() for gradient in gradients])
        distributed.all_reduce(flat)
        flat /= self.world_size
        for gradient, part in zip(gradients, flat.split([gradient.numel() for gradient in gradients]), strict=True):
            gradient.copy_(part.view_as(gradient))

    def run(self) -> None:
        """Train to the last step, logging and saving on the way. SIGTERM or SIGINT saves and stops, to be resumed."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._ask_to_stop)
        sums: dict[str, list[float]] = {}
        self.saved_at = begun = time.monotonic()
        characters = self.characters
        while self.step < self.config.steps:
            for name, value in self.train_step().items():
                sums.setdefault(name, []).append(value)
            if self.step % self.config.log_every_steps == 0 or self.step == self.config.steps:
                now = time.monotonic()
                self.seconds += now - begun
                rate = (self.characters - characters) / (now - begun)
                characters, begun = self.characters, now
                self._log({name: sum(values) / len(values) for name, values in sums.items()}, rate)
                sums.clear()
            if self._save_if_due():
                break

    def _ask_to_stop(self, number: int, frame: object) -> None:
        self.stopping = True

    def _save_if_due(self) -> bool:
        """Save now and then. Returns: whether to stop; all processes do on the same step, as the first one says."""
        last = self.step == self.config.steps
        if self.step % SYNCHRONISE_EVERY_STEPS and not last:
            return False
        stop = self.stopping or last
        due = stop or time.monotonic() - self.saved_at > self.config.checkpoint_every_s
        word = torch.tensor([float(stop), float(due)], device=self.device)
        if self.world_size > 1:
            distributed.broadcast(word, 0)
        if word[1]:
            self.saved_at = time.monotonic()
            self.save()
        return bool(word[0])

    def _log(self, means: dict[str, float], rate: float) -> None:
        if self.rank:
            return
        entry = {"step": self.step, "stage": self.stage().name, "seconds": round(self.seconds, 1)}
        entry |= {
            "characters": self.characters,
            "characters_per_s": round(rate),
            "rate_factor": round(self.rate_factor(), 4),
        }
        entry |= {name: round(value, 4) for name, value in means.items() if not math.isnan(value)}
        with (self.output / LOG_FILE).open("a", encoding="utf-8") as log:
            log.write(json.dumps(entry) + "\n")
        logger.info(" ".join(f"{key}={value}" for key, value in entry.items()))

    def state(self) -> dict[str, Any]:
        """Everything that the next step depends on, beside the configuration, and what ships (`weights_of`)."""
        average = {} if self.average is None else {"average": self.average.module.state_dict()}
        return average | {
            "step": self.step,
            "seconds": self.seconds,
            "characters": self.characters,
            "model": self.model.state_dict(),
            "heads": self.heads.state_dict(),
            "muon": self.muon.state_dict(),
            "adamw": self.adamw.state_dict(),
        }

    def save(self) -> None:
        """Write the state; a run that is killed while it writes, or has no room for it, keeps the former one."""
        if self.rank:
            return
        state = self.state()
        check_finite_weights(state["model"], "the weights that were just trained", f"lower muon_lr; {NOT_WRITTEN}")
        temporary = self.output / (STATE_FILE + ".tmp")
        try:
            with naming_full_disk(self.output):
                torch.save(state, temporary)
                with open(temporary, "rb") as file:
                    os.fsync(file.fileno())
            temporary.replace(self.output / STATE_FILE)
        finally:
            temporary.unlink(missing_ok=True)

    def load(self, path: Path) -> None:
        """Go on from a saved state.

        Args:
            path: the file.
        """
        state = torch.load(path, weights_only=True, map_location=self.device)
        check_finite_weights(state["model"], str(path), "begin the run anew")
        self.waiting = None
        self.step, self.seconds, self.characters = (state["step"], state["seconds"], state["characters"])
        self.model.load_state_dict(state["model"])
        if self.average is not None:
            self.average.module.load_state_dict(weights_of(state))
            self.average.n_averaged.fill_(self.step)
        self.heads.load_state_dict(state["heads"])
        self.muon.load_state_dict(state["muon"])
        self.adamw.load_state_dict(state["adamw"])


def _load_heads(heads: DenseHeads, path: str) -> None:
    state = torch.load(path, weights_only=True, mmap=True)
    try:
        heads.load_state_dict(state["heads"])
    except (KeyError, RuntimeError):
        raise ValueError(
            f"start_heads: {path} has no dense heads of this model and vocabulary; name another state.pt, or none"
        ) from None


def _is_hidden_matrix(name: str, parameter: Tensor) -> bool:
    """Tell whether Muon updates a parameter: the matrices of blocks and decoder layers."""
    return parameter.ndim == 2 and (".blocks." in name or ".layers." in name)
