# syntax=docker/dockerfile:1
# got-ocr as a server, with the built-in model inside. Two images of one file:
#   docker build --tag got-ocr .                        CPU
#   docker build --tag got-ocr:cuda --target cuda .     CUDA
# Where these two places can't be reached: --build-arg PYTHON_IMAGE=..., --build-arg TORCH_CPU_INDEX=...
ARG PYTHON_IMAGE=python:3.11-slim
ARG TORCH_CPU_INDEX=https://download.pytorch.org/whl/cpu

FROM ${PYTHON_IMAGE} AS wheel
WORKDIR /source
# hadolint ignore=DL3013
RUN pip install --no-cache-dir build
COPY pyproject.toml hatch_build.py README.md LICENSE ./
COPY configuration/training ./configuration/training
COPY got_ocr ./got_ocr
RUN python -m build --wheel --outdir /wheels

FROM ${PYTHON_IMAGE} AS runtime
ENV PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    GRADIO_ANALYTICS_ENABLED=False \
    HF_HOME=/models
# An account of its own; checkpoints that are downloaded lie on a volume.
RUN useradd --create-home --uid 1000 reader \
    && mkdir /models \
    && chown reader:reader /models
VOLUME /models
WORKDIR /home/reader
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=120s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/healthz', timeout=4)"]
ENTRYPOINT ["got-ocr"]
# In a container this reaches as far as the port that is published: publish it on 127.0.0.1, or set GOT_OCR_API_KEY.
CMD ["serve", "--host", "0.0.0.0", "--port", "8000"]

# The layer of torch is the large one, and changes least.
FROM runtime AS cuda
COPY constraints.txt /tmp/constraints.txt
RUN pip install --constraint /tmp/constraints.txt torch
RUN --mount=type=bind,from=wheel,source=/wheels,target=/wheels \
    pip install --constraint /tmp/constraints.txt "$(echo /wheels/*.whl)[serve,render,demo]"
USER 1000

FROM runtime AS cpu
ARG TORCH_CPU_INDEX
COPY constraints.txt /tmp/constraints.txt
RUN pip install --constraint /tmp/constraints.txt --index-url "${TORCH_CPU_INDEX}" torch
RUN --mount=type=bind,from=wheel,source=/wheels,target=/wheels \
    pip install --constraint /tmp/constraints.txt "$(echo /wheels/*.whl)[serve,render,demo]"
USER 1000
