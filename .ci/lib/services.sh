# The services that the layers start. They use free ports, and are stopped at the end of the run at the latest.

readonly work=$(mktemp -d "${TMPDIR:-/tmp}/livechat-cip.XXXXXX")
started=()

free_port() {
    python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# wait_until SECONDS COMMAND...
wait_until() {
    local deadline=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        ((SECONDS < deadline)) || return 1
        sleep 0.2
    done
}

start_dynamodb_local() {
    local port
    port=$(free_port)
    dynamodb_local_url=http://127.0.0.1:$port
    (cd "$work/dynamodb-local" && exec java -Djava.library.path=DynamoDBLocal_lib -jar DynamoDBLocal.jar -inMemory -sharedDb -port "$port") \
        >"$work/dynamodb-local.log" 2>&1 &
    started+=($!)
    # Without `--fail`, curl accepts the 400 for a request that is not one of DynamoDB's.
    wait_until 120 curl -sS "$dynamodb_local_url" || { cat "$work/dynamodb-local.log" >&2; die "DynamoDB Local did not start."; }
    echo "DynamoDB Local: $dynamodb_local_url"
}

build_local() {
    # Built together with all tests: for a part of the workspace, cargo would build the dependencies again with other features.
    cargo build --workspace --all-targets
    target=$(target_folder)
    local_bin=$target/debug/local
}

# `cargo local` without files. It prints its URLs to stdout.
start_local() {
    build_local
    # The output of an earlier layer would look as if `cargo local` had started already.
    rm -f "$work/local.out"
    # Not in the checkout, where an .env could have a real licence.
    (cd "$work" && exec "$local_bin" --memory --port 0 --log json "$@") >"$work/local.out" 2>"$work/local.log" &
    local_pid=$!
    started+=("$local_pid")
    wait_until 120 grep -q '^Real one' "$work/local.out" || { cat "$work"/local.{out,log} >&2; die "cargo local did not start."; }
    cat "$work/local.out"
    local_api=$(awk '$1 == "API" { print $2 }' "$work/local.out")
    local_dynamodb=$(awk '$1 == "DynamoDB" { print $2 }' "$work/local.out")
    local_livechat=$(awk '$1 == "LiveChat" { print $2 }' "$work/local.out")
}

# `sam local start-api` with the release binaries, which use the running `cargo local`. $api is its URL.
start_api() {
    local port
    port=$(free_port)
    api=http://127.0.0.1:$port
    settings_in_containers >"$work/env.json"
    sam local start-api --config-env local --port "$port" --env-vars "$work/env.json" --invoke-image "$bookworm" --skip-pull-image \
        >"$work/start-api.log" 2>&1 &
    started+=($!)
    wait_until 300 curl -fsS --max-time 60 "$api/hasToken/anna" || { tail -n 50 "$work/start-api.log" >&2; die "sam local start-api did not start."; }
    echo "sam local start-api: $api"
}

stop_local() {
    kill "$local_pid"
    wait "$local_pid" 2>/dev/null || true
}

# A Docker daemon of our own, with its own socket and without changes of the firewall. Its images stay in $cache.
start_dockerd() {
    ip link show docker0 >/dev/null 2>&1 || own_bridge=docker0
    mkdir -p "$cache/docker"
    "${sudo[@]}" "$(command -v dockerd)" --data-root "$cache/docker" --exec-root "$work/docker" --pidfile "$work/docker.pid" \
        --host "unix://$work/docker.sock" --group "$(id -gn)" --iptables=false --ip6tables=false --ip-forward=false \
        >"$work/dockerd.log" 2>&1 &
    export DOCKER_HOST=unix://$work/docker.sock
    wait_until 180 docker info || { tail -n 20 "$work/dockerd.log" >&2; die "dockerd did not start."; }
    echo "dockerd: started for this run"
}

stop_dockerd() {
    local pid
    pid=$(cat "$work/docker.pid" 2>/dev/null) || return 0
    "${sudo[@]}" kill "$pid" 2>/dev/null || true
    wait_until 120 test ! -e "$work/docker.pid" || true
    [[ -z ${own_bridge:-} ]] || "${sudo[@]}" ip link delete "$own_bridge" || true
}

stop_services() {
    local pid
    for pid in "${started[@]}"; do
        kill "$pid" 2>/dev/null || true
        wait "$pid" 2>/dev/null || true
    done
    started=()
}

stop_everything() {
    local status=$?
    trap - EXIT
    stop_services
    stop_dockerd
    "${sudo[@]}" rm -rf "$work" || true
    ((status == 0)) || printf '\nerror: failed in layer %s\n' "${layer:-none}" >&2
    exit "$status"
}
