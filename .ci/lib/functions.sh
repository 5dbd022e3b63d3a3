# Calls of the built functions, and their expected responses.

# The condition for a new token: a lifetime of eight hours, and only the fields of the contract.
readonly token='.statusCode == 200 and (.body | fromjson | .tokenType == "Bearer" and .expiresIn == 28800000
    and (.accessToken | length > 0) and (.entityId | length > 0)
    and (keys - ["accessToken", "creationDate", "entityId", "expiresIn", "licenseId", "organizationId", "tokenType"] == []))'

# The logical id in the template: GetToken for get-token.
logical_id() { sed -E 's/(^|-)(.)/\U\2/g' <<<"$1"; }

# archive ARCHITECTURE: the archive of a release, without .zip. Unpacked, it is the folder with this name.
archive() { echo ".aws-sam/archives/livechat-cip-$1"; }

# build_archive ARCHITECTURE: builds and unpacks the archive of a release.
build_archive() {
    # Other layers use the functions for this machine's processor, in .aws-sam/build. SAM also writes a file beside a build folder.
    local build=.aws-sam/build
    [[ $1 == "$(architecture_here)" ]] || build=.aws-sam/build-$1/build
    sam build --config-env local --build-dir "$build" --parameter-overrides "Architecture=$1"
    .ci/package "$1" "$build" "$(dirname "$(archive "$1")")"
    # The first steps of a person who uses a release.
    rm -rf "$(archive "$1")"
    unzip -q "$(archive "$1").zip" -d "$(archive "$1")"
    (cd "$(archive "$1")" && sam validate --lint)
}

# use_archive ARCHITECTURE: invoke_in_emulator then runs the functions of this archive.
use_archive() {
    need_processor "$1"
    unpacked=$(archive "$1")
    emulator=("${processor[@]}" "$emulators/aws-lambda-rie-$1")
}

# settings DYNAMODB_URL LIVECHAT_URL: tests/events/env.json with these URLs of the running `cargo local`, and with $more_settings (JSON).
settings() {
    jq --arg dynamodb "$1" --arg livechat "$2" --arg redirect "$local_api/" --argjson more "${more_settings:-{\}}" \
        '.Parameters += { AWS_ENDPOINT_URL_DYNAMODB: $dynamodb, LIVECHAT_ACCOUNTS_URL: $livechat, LIVECHAT_API_URL: $livechat, LIVECHAT_REDIRECT_URI: $redirect } + $more' \
        tests/events/env.json
}

# AWS's runtime interface emulator starts the function with all the arguments after its own.
invoke_in_emulator() {
    local port api_port pid status=0 variables
    port=$(free_port)
    api_port=$(free_port)
    mapfile -t variables < <(settings "$local_dynamodb" "$local_livechat" | jq -r '.Parameters | to_entries[] | "\(.key)=\(.value)"')
    env "${variables[@]}" AWS_REGION=eu-central-1 AWS_ACCESS_KEY_ID=local AWS_SECRET_ACCESS_KEY=local \
        AWS_LAMBDA_FUNCTION_NAME="$1" AWS_LAMBDA_FUNCTION_TIMEOUT=15 \
        "${emulator[@]}" --runtime-interface-emulator-address "127.0.0.1:$port" --runtime-api-address "127.0.0.1:$api_port" \
        "${processor[@]}" "$unpacked/$(logical_id "$1")/bootstrap" \
        >"$work/function.log" 2>&1 &
    pid=$!
    wait_until 60 bash -c ": >/dev/tcp/127.0.0.1/$port" || true
    curl -sS --max-time 60 --data-binary "@$2" "http://127.0.0.1:$port/2015-03-31/functions/function/invocations" || status=$?
    kill "$pid"
    wait "$pid" 2>/dev/null || true
    return "$status"
}

settings_in_containers() {
    settings "${local_dynamodb/127.0.0.1/host.docker.internal}" "${local_livechat/127.0.0.1/host.docker.internal}"
}

invoke_in_sam_local() {
    settings_in_containers >"$work/env.json"
    sam local invoke "$(logical_id "$1")" --config-env local --event "$2" --env-vars "$work/env.json" --invoke-image "$bookworm" --skip-pull-image \
        2>"$work/function.log"
}

# expect_response INVOKE FUNCTION CONDITION: the response of the function meets the condition (jq). The event is the function's own one in
# tests/events, or the one with the name $event there, or the file $event_file.
expect_response() {
    local response start=$SECONDS file=${event_file:-tests/events/${event:-$2}.json}
    response=$("$1" "$2" "$file") || { cat "$work/function.log" >&2; die "$2 returned no response."; }
    # --slurp, because jq accepts an empty response otherwise.
    if ! jq --exit-status --slurp "length == 1 and (.[0] | $3)" <<<"$response" >/dev/null; then
        printf '%s\n' "$response" >&2
        cat "$work/function.log" >&2
        die "$2: the response to $file does not meet $3"
    fi
    ! grep -q __lc_ <<<"$response$(cat "$work/function.log")" || die "$2: there is a LiveChat cookie in its response or its log."
    echo "ok: $2 ($file, $((SECONDS - start)) s)"
}

# A user gets a token, which is then invalidated. Another user, whose id has special characters, gets a new token.
walk_through() {
    expect_response "$1" get-token "$token"
    expect_response "$1" has-token '.statusCode == 200 and .body == "true"'
    expect_response "$1" invalidate '.statusCode == 200 and .body == "null"'
    expect_response "$1" has-token '.statusCode == 200 and .body == "false"'
    expect_response "$1" get-fresh-token "$token"
}

# Calls through other gateways than that of walk_through, and with the parts of an event that only some calls have.
call_through_gateways() {
    local event
    for event in get-token-rest get-token-url get-token-base-path get-token-stage; do
        expect_response "$1" get-token "$token"
    done
    event=logout-base64 expect_response "$1" invalidate '.statusCode == 200 and .multiValueHeaders["x-logout"] == ["complete"]'
}

# call_archive ARCHITECTURE: each function of the unpacked archive under AWS's runtime interface emulator. `cargo local` provides the
# database and LiveChat.
call_archive() {
    need_curl
    need_jq
    need_openssl
    start_local
    use_archive "$1"
    walk_through invoke_in_emulator
    call_through_gateways invoke_in_emulator
    verify_callers
}

base64url() { basenc --base64url --wrap=0 | tr -d =; }

# signed_token SECRET CLAIMS: a JSON Web Token, with HS256.
signed_token() {
    local message
    message=$(printf '{"alg":"HS256"}' | base64url).$(printf '%s' "$2" | base64url)
    printf '%s.%s' "$message" "$(printf '%s' "$message" | openssl dgst -sha256 -hmac "$1" -binary | base64url)"
}

# expect_caller SETTINGS CHANGE CONDITION: with these settings (JSON), the response of get-token meets the condition (jq). The event is one
# of an HTTP API, without a user in its path, and with this change (jq): get-token, or the one with the name $event.
expect_caller() {
    local more_settings=$1 event_file="$work/event.json"
    jq "del(.pathParameters) | .rawPath = \"/getToken\" | .requestContext.http.path = .rawPath | $2" \
        "tests/events/${event:-get-token}.json" >"$event_file"
    expect_response invoke_in_emulator get-token "$3"
}

# Each way to verify a caller, in the release binary: which callers are accepted, and which are refused.
verify_callers() {
    local secret=secret-0123456789-0123456789-0123456789 refused='.statusCode == 401' mode signed hash
    hash=$(printf anna | openssl dgst -sha256 -hmac "$secret" -r | cut -d ' ' -f 1)
    signed=$(signed_token "$secret" "{\"sub\":\"anna\",\"exp\":$(($(date +%s) + 600))}")

    mode="{\"AUTH\": \"jwt\", \"JWT_SECRET\": \"$secret\"}"
    expect_caller "$mode" ".headers.authorization = \"Bearer $signed\"" "$token"
    expect_caller "$mode" ".headers.authorization = \"Bearer ${signed}x\"" "$refused"
    expect_caller "$mode" . "$refused"

    mode="{\"AUTH\": \"jwt\", \"JWT_SECRET\": \"$secret\", \"JWT_COOKIE\": \"session\", \"ALLOWED_ORIGINS\": \"https://www.example.com\"}"
    local cookie=".cookies[1] = \"session=$signed\""
    event=get-token-cookie expect_caller "$mode" "$cookie" "$token"
    event=get-token-cookie expect_caller "$mode" "$cookie | .headers.origin = \"https://evil.example\"" "$refused"
    event=get-token-cookie expect_caller "$mode" . "$refused" # expired

    mode="{\"AUTH\": \"hmac\", \"HMAC_SECRET\": \"$secret\"}"
    local anna='.rawPath = "/getToken/anna" | .pathParameters.user = "anna"'
    expect_caller "$mode" "$anna | .headers[\"x-user-hash\"] = \"$hash\"" "$token"
    expect_caller "$mode" "$anna | .headers[\"x-user-hash\"] = \"${hash/[0-9]/a}\"" "$refused"

    mode='{"AUTH": "authorizer"}'
    event=get-token-authorizer expect_caller "$mode" . "$token"
    expect_caller "$mode" '.headers.authorization = "Bearer x"' "$refused"

    mode="{\"AUTH\": \"jwt\", \"JWT_SECRET\": \"$secret\", \"GUESTS\": \"true\"}"
    expect_caller "$mode" '.headers["x-guest-id"] = "0123456789abcdef0123456789abcdef"' "$token"
    expect_caller "$mode" '.headers["x-guest-id"] = "short"' '.statusCode == 400'
}

# compare_layers WORKFLOW LAYER...: the lists `layers:` in .github/workflows/WORKFLOW.yml have exactly these layers, each once.
compare_layers() {
    local workflow=.github/workflows/$1.yml
    shift
    awk '/^ +layers:$/ { inside = 1; next } inside && $1 == "-" { sub(/^ *- */, ""); print; next } { inside = 0 }' "$workflow" |
        tr ' ' '\n' | sort >"$work/layers.txt"
    printf '%s\n' "$@" | sort | diff - "$work/layers.txt" || die "The layers in $workflow (>) differ from those in .ci/run (<)."
}

# compare_with_openapi ARGUMENTS...: the arguments of tests/openapi/run.
compare_with_openapi() {
    PATH=$cache/openapi/bin:$PATH python3 tests/openapi/run "$@"
}

# LiveChat's Customer SDK in a browser, with $api. The test starts its own `cargo local`, on the ports that the functions use.
test_sdk_on_start_api() {
    local ports
    ports="--port ${local_api##*:} --dynamodb-port ${local_dynamodb##*:} --sandbox-port ${local_livechat##*:} --also-on $docker_host_address"
    stop_local
    (cd tests/e2e && LOCAL_BIN=$local_bin CHROMIUM=$(command -v chromium) LOCAL_PORTS=$ports API_URL=$api \
        node --test --test-timeout=1800000 --test-reporter=spec sdk.test.mjs)
}
