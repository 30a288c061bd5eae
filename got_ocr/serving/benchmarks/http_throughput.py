"""How many pages a second `got-ocr serve` reads for one, four and sixteen clients, by numpy, torch and vLLM.

    python -m got_ocr.serving.benchmarks.http_throughput [--engines numpy torch] [--clients 1 4 16] [--rounds 2]

Clients send a line and the sample page, each the next as soon as it has its answer. The servers run side by side and
are asked in turns; besides pages a second on the clock, processor seconds of the server and what it started are
counted, since only these mean something on a machine that is busy. Needs the extra `serve`; `--engines vllm` vLLM.
"""

import argparse
import io
import re
import subprocess
import sys
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from PIL import Image

SAMPLE = Path(__file__).resolve().parents[3] / "examples" / "images" / "sample_page.png"
LINE_BOX = (0, 0, 1000, 105)  # Of the sample page: its title.
PAGES = {"line": 16, "page": 8}  # So many are sent of each kind.
PATIENCE_S = 300


@dataclass
class Served:
    """A server that runs.

    Attributes:
        engine: What computes in it.
        process: Its process.
        url: Where it answers.
    """

    engine: str
    process: "subprocess.Popen[str]"
    url: str
    seen: dict[tuple[str, int], list[tuple[float, float]]] = field(default_factory=dict)

    @classmethod
    def start(cls, engine: str) -> "Served":
        """Start a server. Returns: it, once it listens."""
        command = [sys.executable, "-m", "got_ocr", "serve", "--model", "nano", "--engine", engine, "--port", "0"]
        process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        assert process.stderr is not None
        for line in process.stderr:
            found = re.search(r"listening on (\S+)", line)
            if found:
                return cls(engine, process, found[1])
        raise SystemExit(f"the server did not start with --engine {engine}")

    def processor_seconds(self) -> float:
        """Seconds of processors that the server and what it started have used."""
        top = psutil.Process(self.process.pid)
        return sum(sum(one.cpu_times()[:2]) for one in (top, *top.children(recursive=True)))

    def read(self, data: bytes) -> str:
        """Have a picture read as text."""
        form = b'--b\r\nContent-Disposition: form-data; name="%s"%s\r\n\r\n%s\r\n'
        body = form % (b"output", b"", b"text") + form % (b"file", b'; filename="a"', data) + b"--b--\r\n"
        head = {"Content-Type": "multipart/form-data; boundary=b"}
        request = urllib.request.Request(f"{self.url}/v1/ocr", body, head)
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
            text: str = answer.read().decode()
        return text

    def measure(self, kind: str, data: bytes, num_clients: int) -> set[str]:
        """Let some clients send a picture so often. Returns: the texts that they got."""
        count = PAGES[kind]
        start, used = time.perf_counter(), self.processor_seconds()
        with ThreadPoolExecutor(num_clients) as clients:
            texts = set(clients.map(self.read, [data] * count))
        seconds, used = time.perf_counter() - start, self.processor_seconds() - used
        self.seen.setdefault((kind, num_clients), []).append((seconds / count, used / count))
        return texts


def make_pictures() -> dict[str, bytes]:
    """Make what is sent of each kind, as PNG."""
    pictures = {}
    with Image.open(SAMPLE) as page:
        for kind, image in (("line", page.crop(LINE_BOX)), ("page", page)):
            buffer = io.BytesIO()
            image.save(buffer, "PNG")
            pictures[kind] = buffer.getvalue()
    return pictures


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--engines", nargs="+", default=["numpy", "torch"], choices=("numpy", "torch", "vllm"))
    parser.add_argument("--clients", nargs="+", type=int, default=[1, 4, 16])
    parser.add_argument("--rounds", type=int, default=2)
    arguments = parser.parse_args()
    pictures = make_pictures()
    print("picture clients engine  pages/s  processor seconds a page", flush=True)
    servers: list[Served] = []
    try:
        for engine in arguments.engines:
            servers.append(Served.start(engine))
        for kind, data in pictures.items():
            texts = {server.read(data) for server in servers}  # Warms them up, too.
            for _ in range(arguments.rounds):
                for num_clients in arguments.clients:
                    for server in servers:
                        texts |= server.measure(kind, data, num_clients)
            if len(texts) > 1:
                raise SystemExit(f"the servers' texts of a {kind} differ: {texts}")
            for num_clients in arguments.clients:
                for server in servers:
                    seconds, used = map(min, zip(*server.seen[kind, num_clients], strict=True))
                    print(f"{kind:7} {num_clients:7} {server.engine:6} {1 / seconds:8.2f} {used:10.3f}", flush=True)
    finally:
        for server in servers:
            server.process.terminate()
            server.process.wait(PATIENCE_S)


if __name__ == "__main__":
    main()
