#!/usr/bin/env bash
# Starts a model server: model_server.sh COMMAND [ARGUMENTS]
# /config/models.config has ${MODEL_NAME} where the pipeline's name belongs. The server reads a copy with the name in it,
# /tmp/models.config, which follows changes of the file. tests/scripts/test_model_server_script.py sets other places.
set -euo pipefail
: "${MODEL_NAME:?is not set; set it to the name of the pipeline in settings.toml}"
if [[ ! $MODEL_NAME =~ ^[A-Za-z][A-Za-z0-9_-]{0,63}$ ]]; then
    echo "MODEL_NAME is '$MODEL_NAME'; allowed: 1 to 64 letters, digits, _ and -, beginning with a letter. Correct BERT_MODEL_NAME." >&2
    exit 2
fi
from=${MODEL_CONFIG_FILE:-/config/models.config}
to=${MODEL_CONFIG_COPY:-/tmp/models.config}

copy() {
    sed "s/\${MODEL_NAME}/$MODEL_NAME/g" "$from" >"$to.part" && mv "$to.part" "$to"
}

copy
# In the background, since the server takes this process's place. Where a copy fails, the one before stays.
while sleep "${MODEL_CONFIG_SECONDS:-10}"; do copy || true; done &
exec "$@"
