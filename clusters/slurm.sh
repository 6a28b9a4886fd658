#!/usr/bin/env bash
#SBATCH --job-name=msann-sweep
#SBATCH --nodes=4
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=16
#SBATCH --time=24:00:00
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --signal=B:USR1@180
#
# A sweep on the nodes of one SLURM job: a Ray head on the first of them, workers on the others.
#
#   sbatch clusters/slurm.sh launch search_spaces/mnist.yaml [--set KEY=VALUE ...]
#   sbatch clusters/slurm.sh resume SWEEP
#
# Run it in the repository, on a file system that all nodes share. Three minutes before the time
# limit the sweep is interrupted and the job requeued; a requeued job goes on with its sweep.
set -euo pipefail

PYTHON=${PYTHON:-.venv/bin/python}
RAY=("$PYTHON" -m ray.scripts.scripts)

if [ $# -lt 2 ] || { [ "$1" != launch ] && [ "$1" != resume ]; }; then
  echo "usage: sbatch $0 launch FILE [--set KEY=VALUE ...] | resume SWEEP" >&2
  exit 2
fi

command=("$@")
if [ "$1" = launch ] && [ "${SLURM_RESTART_COUNT:-0}" -gt 0 ]; then
  resolved=$("$PYTHON" -m msann_sweep check "${@:2}")
  sweep=$(awk '$1 == "name:" {name = $2} $1 == "storage:" {storage = $2} END {print storage "/" name}' <<< "$resolved")
  if [ -e "$sweep" ]; then
    command=(resume "$sweep")
  fi
fi

export RAY_USAGE_STATS_ENABLED=0 RAY_AUTH_MODE=token
RAY_AUTH_TOKEN=$("$PYTHON" -c 'import secrets; print(secrets.token_hex(32))')
export RAY_AUTH_TOKEN

head=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)
port=$((20000 + SLURM_JOB_ID % 20000))
address=$head:$port
cpus=${SLURM_CPUS_PER_TASK:-1}

srun --nodes=1 --ntasks=1 --nodelist="$head" \
  "${RAY[@]}" start --head --port="$port" --num-cpus="$cpus" --include-dashboard=false \
  --temp-dir="/tmp/ray-$SLURM_JOB_ID" --ray-client-server-port=$((port + 20000)) --block &
head_pid=$!
until "${RAY[@]}" health-check --address "$address" > /dev/null 2>&1; do
  kill -0 "$head_pid" 2> /dev/null || { echo "the Ray head on $head has ended" >&2; exit 1; }
  sleep 1
done
if [ "$SLURM_JOB_NUM_NODES" -gt 1 ]; then
  workers=$((SLURM_JOB_NUM_NODES - 1))
  srun --nodes="$workers" --ntasks="$workers" --exclude="$head" \
    "${RAY[@]}" start --address="$address" --num-cpus="$cpus" --block &
fi

out_of_time=
trap 'out_of_time=1; kill -TERM "$sweep_pid"' USR1
"$PYTHON" -m msann_sweep "${command[@]}" --set "resources.address=$address" &
sweep_pid=$!
code=0
wait "$sweep_pid" || code=$?
if [ -n "$out_of_time" ]; then
  # The signal ended the waiting, not the sweep.
  code=0
  wait "$sweep_pid" || code=$?
  scontrol requeue "$SLURM_JOB_ID"
fi
trap - USR1
kill $(jobs -p) 2> /dev/null || true
wait || true
exit "$code"
