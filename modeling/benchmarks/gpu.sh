#!/usr/bin/env bash
# The benchmark of the full model on a GPU, within ten minutes: weights are drawn on the device, nothing is downloaded.
# Never run on a GPU so far: written and tested on CPUs.
#
#   modeling/benchmarks/gpu.sh [OUTPUT_FOLDER]
#
# Three parts, each with a time limit of its own, so that what is done by then is kept. The port's static cache makes
# transformers compile the decoding step with CUDA graphs; ours runs SDPA's flash kernels without compilation.
set -u
output=${1:-modeling/benchmarks/results}
python=${PYTHON:-python3}
bench() { timeout "$1" "$python" -m got_ocr bench --device cuda --output "$output" "${@:3}" --name "$2"; }

name=$("$python" -c 'import torch; print("-".join(torch.cuda.get_device_name().lower().split()))') || exit 1
bench 150 "$name-stages" --stage tower,prefill,decode --batch 1,16,64 --context 256,4096 --steps 32
bench 150 "$name-pages" --stage page --batch 1,4 --answer 256 --repeats 2 \
    --variant ours-bfloat16,port-bfloat16,port-compiled
bench 200 "$name-batches" --stage page --batch 16,64 --answer 256 --repeats 1 --variant ours-bfloat16,port-bfloat16
bench 60 "$name-blocking" --stage blocking --batch 1,64 --context 256,4096
