"""The stages on Ray Data: a list goes in, is worked on by many, and is written exactly once.

Ray's checkpointing writes which rows a file will hold before it writes the file, and makes that valid afterwards. What
a stop left between the two is taken away when the next run begins, by Ray's own rule: a file counts only where the
checkpoint says so. The list of a run holds only what is not written yet, so Ray need not sift it again.
"""

import logging
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from .stores import Store

LIST_TASKS = 1000  # So many parts a long list is handed out in, at most.
BLOCK_BYTES = 32 * 2**20  # Of pages that go from stage to stage: two or three, so that nobody waits for many.
# Tasks that hand out the list, and that write, at once; they share a core and ask for none: Ray grants cores from the
# list on downwards, so that none was left to write with until the list was through, and a stop cost all pages.
LIST_TASKS_AT_ONCE, WRITE_TASKS_AT_ONCE = 2, 4
KEPT_STATISTICS = 1000  # Of a stage's last blocks: Ray would keep those of all in the driver until the end.
DATA_SUFFIX = ".parquet"
PENDING_SUFFIX = ".pending.parquet"  # As Ray names what a file will hold.


@dataclass(frozen=True)
class Stage:
    """A step between reading the list and writing.

    Attributes:
        worker: A class whose objects turn a table into tables.
        arguments: Of the class, by name.
        batch_rows: Rows a call gets.
        processes: How many work at once, each with an object that lives as long as the job.
        resources: Of each: `num_cpus`, `num_gpus`.
    """

    worker: type
    arguments: Mapping[str, Any]
    batch_rows: int
    processes: int
    resources: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Target:
    """Where rows go.

    Attributes:
        data: The folder of Parquet files.
        checkpoint: The folder that says which rows are written.
        id_column: What names a row.
        rows_per_file: Rows of a file, but for the last.
    """

    data: Store
    checkpoint: Store
    id_column: str
    rows_per_file: int

    def done(self) -> set[str]:
        """Tell which rows are written."""
        found: set[str] = set()
        for path in self.files():
            found.update(self.data.read_table(path, [self.id_column])[self.id_column].to_pylist())
        return found

    def files(self) -> list[str]:
        """List the files whose rows are valid, in order."""
        names = {path.rsplit("/", 1)[1] for path in self.checkpoint.list_files(DATA_SUFFIX)}
        return [path for path in self.data.list_files(DATA_SUFFIX) if checkpoint_name(path) in names]

    def clean(self) -> int:
        """Take away what a stop left half done. Returns: how many files."""
        pending = self.checkpoint.list_files(PENDING_SUFFIX)
        bases = {path.rsplit("/", 1)[1].removesuffix(PENDING_SUFFIX) for path in pending}
        valid = set(self.files())
        removed = 0
        for path in self.data.list_files(DATA_SUFFIX):
            base = checkpoint_name(path).removesuffix(DATA_SUFFIX)
            if path not in valid or base in bases:
                self.data.filesystem.delete_file(path)
                removed += 1
        for path in pending:
            self.checkpoint.filesystem.delete_file(path)
        return removed


def checkpoint_name(path: str) -> str:
    """Name the file of the checkpoint that stands for a file of rows: Ray gives both one name, and parts a number."""
    base = path.rsplit("/", 1)[1].removesuffix(DATA_SUFFIX)
    return f"{base.rsplit('-', 1)[0] if base.rsplit('-', 1)[-1].isdigit() and '-' in base else base}{DATA_SUFFIX}"


def write_exactly_once(table: pa.Table, stages: Iterable[Stage], target: Target, list_rows: int = 16) -> None:
    """Work on a list's rows and write what comes out.

    Args:
        table: The list: rows that are not written yet.
        stages: What is done with each.
        target: Where rows go.
        list_rows: Rows that are handed out together.
    """
    import ray.data
    from ray.data import DataContext

    quiet_ray_data()
    context = DataContext.get_current()
    before = context.checkpoint_config, context.target_max_block_size, context.custom_execution_callback_classes
    target.data.make()
    try:
        context.checkpoint_config = _checkpoint_config(target)
        context.target_max_block_size = BLOCK_BYTES
        context.custom_execution_callback_classes = [*before[2], *_make_bounds_on_statistics()]
        rows = max(list_rows, -(-table.num_rows // LIST_TASKS))
        source = _make_list_source(table, rows)
        dataset = ray.data.read_datasource(source, num_cpus=0, concurrency=LIST_TASKS_AT_ONCE)
        if rows > list_rows:
            dataset = dataset.repartition(target_num_rows_per_block=list_rows)
        for stage in stages:
            dataset = dataset.map_batches(
                stage.worker,
                fn_constructor_kwargs=dict(stage.arguments),
                batch_size=stage.batch_rows,
                batch_format="pyarrow",
                compute=ray.data.ActorPoolStrategy(size=stage.processes),
                **stage.resources,
            )
        dataset.write_parquet(
            target.data.root,
            filesystem=target.data.filesystem,
            min_rows_per_file=target.rows_per_file,
            ray_remote_args={"num_cpus": 0},
            concurrency=WRITE_TASKS_AT_ONCE,
            compression="zstd",
        )
    finally:
        context.checkpoint_config, context.target_max_block_size, context.custom_execution_callback_classes = before


def _checkpoint_config(target: Target) -> Any:
    from ray.data.checkpoint import CheckpointConfig
    from ray.data.checkpoint.checkpoint_filter import IdColumnCheckpointManager

    class Manager(IdColumnCheckpointManager):  # type: ignore[misc,unused-ignore]
        """Sifts nothing: the list has no row that is written, and `Target.clean` has taken away what was half done."""

        def load_checkpoint(self, *_: Any) -> tuple[None, int]:
            return None, 0

    return CheckpointConfig(
        id_column=target.id_column,
        checkpoint_path=target.checkpoint.root,
        delete_checkpoint_on_success=False,
        override_filesystem=target.checkpoint.filesystem,
        checkpoint_manager_cls=Manager,
    )


def _make_bounds_on_statistics() -> list[type]:
    try:
        from ray.data._internal.execution.execution_callback import ExecutionCallback
    except ImportError:  # Ray's own, which may move: the driver then grows by 1 MiB in a thousand pages.
        return []

    class BoundOnStatistics(ExecutionCallback):  # type: ignore[misc,unused-ignore]
        """Has the driver forget what it noted of blocks long gone: nobody asks for Ray's sum of it."""

        def before_execution_starts(self, executor: Any) -> None:
            for operator in executor._topology:
                if hasattr(operator, "_output_blocks_stats"):
                    operator._output_blocks_stats = deque(operator._output_blocks_stats, KEPT_STATISTICS)

    return [BoundOnStatistics]


def _make_list_source(table: pa.Table, rows: int) -> Any:
    """Make a source of a table's rows, so many a task; Ray checkpoints only what comes from a source."""
    from ray.data.block import BlockMetadata
    from ray.data.datasource import Datasource, ReadTask

    def give(part: pa.Table) -> Callable[[], Iterable[pa.Table]]:
        return lambda: [part]

    class ListSource(Datasource):  # type: ignore[misc,unused-ignore]
        """The rows of a list."""

        def get_name(self) -> str:
            return "Pages"

        def estimate_inmemory_data_size(self) -> int:
            return int(table.nbytes)

        def get_read_tasks(self, parallelism: int, *args: Any, **options: Any) -> list[Any]:
            tasks = []
            for start in range(0, table.num_rows, rows):
                # A slice would take its whole table along.
                part = table.slice(start, rows).take(list(range(min(rows, table.num_rows - start))))
                metadata = BlockMetadata(part.num_rows, part.nbytes, None, None)
                tasks.append(ReadTask(give(part), metadata))
            return tasks

    return ListSource()


def quiet_ray_data() -> None:
    """Let Ray Data speak of troubles only: the job has a bar of its own."""
    from ray.data import DataContext

    context = DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    warnings.filterwarnings("ignore", "The maximum number of concurrent tasks for", UserWarning)  # Of short lists.
    for name in ("ray.data", "ray"):
        logging.getLogger(name).setLevel(logging.CRITICAL)  # What fails is raised.
