#!/bin/bash
# Run by PostgreSQL's image when it makes its data folder: a role and a database of its own for each of the three.
set -euo pipefail

create() {  # NAME, FILE WITH ITS PASSWORD
    # By standard input: command lines can be read by others.
    psql --username "$POSTGRES_USER" --dbname postgres --set ON_ERROR_STOP=1 --quiet <<SQL
CREATE ROLE $1 LOGIN PASSWORD '$(cat "$2")';
CREATE DATABASE $1 OWNER $1 ENCODING 'UTF8' TEMPLATE template0;
REVOKE CONNECT ON DATABASE $1 FROM PUBLIC;
SQL
}

for name in airflow mlmd ledger; do
    create "$name" "/run/secrets/${name}_db_password"
done
