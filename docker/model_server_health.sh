#!/usr/bin/env bash
# Checks that the model server serves the model: it answers over REST, and a version is AVAILABLE. Exit code 0: it does;
# else 1, and a line has the reason. For images without an HTTP client; tests/tfx_modules/serving/test_health_script.py.
set -euo pipefail
port=${MODEL_REST_PORT:-8501}
seconds=${MODEL_HEALTH_SECONDS:-8}
path=/v1/models/${MODEL_NAME:?is not set; set it to the name of the pipeline in settings.toml}

ask() {
    exec 3<>"/dev/tcp/127.0.0.1/$1"
    printf 'GET %s HTTP/1.1\r\nHost: 127.0.0.1:%s\r\nConnection: close\r\n\r\n' "$2" "$1" >&3
    cat <&3
}
export -f ask

# Without a limit a server that takes the connection and never answers would keep this waiting.
if ! answer=$(timeout "$seconds" bash -c 'ask "$@"' ask "$port" "$path" 2>&1); then
    echo "model server: no answer on port $port in $seconds s: ${answer:0:200}"
    exit 1
fi
if [[ ! $answer =~ ^HTTP/1\.[01]\ 200\  ]]; then
    echo "model server: ${answer%%$'\r'*} for $path"
    exit 1
fi
if [[ ! $answer =~ \"state\":\ *\"AVAILABLE\" ]]; then
    echo "model server: no version of $MODEL_NAME is AVAILABLE"
    exit 1
fi
