#!/bin/bash
# As much of the entrypoint of the image `postgres` as the stack uses: makes the data folder once, then serves.
set -euo pipefail

if [ ! -s "$PGDATA/PG_VERSION" ]; then
    initdb --username "$POSTGRES_USER" --pwfile "$POSTGRES_PASSWORD_FILE" \
        --encoding UTF8 --locale C.UTF-8 --auth-host scram-sha-256 --auth-local trust >/dev/null
    echo "host all all all scram-sha-256" >> "$PGDATA/pg_hba.conf"
    pg_ctl --wait --options "-c listen_addresses=''" start
    for script in /docker-entrypoint-initdb.d/*.sh; do
        bash "$script"
    done
    pg_ctl --wait --mode fast stop
fi
exec postgres -c "listen_addresses=*"
