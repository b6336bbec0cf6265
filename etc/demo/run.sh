#!/bin/sh
# A rack to try Podium on: 48 simulated BMCs on loopback, enrolled, the API, and the conductor in the foreground.
# Run by "make run" at the repository's root; everything it makes is inside .venv. Ctrl-C ends all of it.
# PODIUM_PORT is the UDP port of the BMCs; without it that of the last time, 6230 at first, or a free one.
set -eu

bin=$PWD/.venv/bin
config=$PWD/.venv/etc/podium/podium.conf
state=$PWD/.venv/var/lib/podium
simulator='' daemon='' api=''

stop() {
    trap '' INT TERM HUP
    # The conductor first: it closes its BMC sessions while the BMCs are still there.
    for process in $api $daemon $simulator; do
        kill -TERM "$process" 2>/dev/null || true
        wait "$process" || status=$?
    done
}
interrupted() {
    stop
    exit 0
}
trap interrupted INT TERM HUP

# In a session of its own, so that the terminal's Ctrl-C reaches this script alone.
start_simulator() {
    rm -f "$state/simulator.ready"
    setsid "$bin/podium-sim" --ipmi 48 --port "$1" --nodes-file "$state/rack.yaml" --control "$state/simulator.sock" \
        >"$state/simulator.ready" 2>"$state/simulator.log" 9>&- &
    simulator=$!
    tries=0
    until [ -s "$state/simulator.ready" ]; do
        kill -0 "$simulator" 2>/dev/null || return 1
        tries=$((tries + 1))
        if [ "$tries" -gt 600 ]; then
            kill "$simulator"
            return 1
        fi
        sleep 0.1
    done
}

# At its usual port, or at a free one; at loopback alone, where nobody is asked who it is.
start_api() {
    OS_DEFAULT__AUTH_STRATEGY=noauth OS_API__HOST_IP=127.0.0.1 OS_API__PORT=$1 OS_API__ENABLE_SSL_API=false \
        "$bin/podium-api" >/dev/null 2>"$state/api.log" 9>&- &
    api=$!
    tries=0
    until grep -q 'Serving at' "$state/api.log" 2>/dev/null; do
        kill -0 "$api" 2>/dev/null || return 1
        tries=$((tries + 1))
        if [ "$tries" -gt 600 ]; then
            kill "$api"
            return 1
        fi
        sleep 0.1
    done
}

mkdir -p "$state" "${config%/*}"
exec 9>"$state/lock"
flock -n 9 || {
    echo "make run: it is running already, in another terminal" >&2
    exit 1
}
if [ ! -e "$config" ]; then
    # Takes precedence over /etc/podium/podium.conf, so that a trial never touches a real fleet.
    printf '[conductor]\nsync_power_state_interval = 10\n' >"$config"
fi

last=$(cat "$state/port" 2>/dev/null || echo 6230)
if ! start_simulator "${PODIUM_PORT:-$last}"; then
    if [ -n "${PODIUM_PORT:-}" ] || ! start_simulator 0; then
        cat "$state/simulator.log" >&2
        echo "make run: the simulator did not start; PODIUM_PORT=... make run takes another UDP port" >&2
        exit 1
    fi
fi
cat "$state/simulator.ready"
port=$(sed -n 's/.*, port \([0-9]*\),.*/\1/p' "$state/simulator.ready")

"$bin/podium" db upgrade
enrolled=$("$bin/podium" node list -f value -c name)
if [ -z "$enrolled" ]; then
    "$bin/podium" node import "$state/rack.yaml"
elif [ "$port" != "$last" ]; then
    # shellcheck disable=SC2086
    "$bin/podium" node set $(echo "$enrolled" | grep '^r1n[0-9]*$') --driver-info "ipmi_port=$port"
fi
echo "$port" >"$state/port"

if ! start_api 6385 && ! start_api 0; then
    api=''
    cat "$state/api.log" >&2
    echo "make run: the API did not start" >&2
    stop
    exit 1
fi
address=$(sed -n 's/.*Serving at \(http[^ ]*\).*/\1/p' "$state/api.log")

echo
echo "    In a browser:          $address/"
echo "    In a second terminal:  .venv/bin/podium node list"
echo "    Over HTTP:             curl $address/v1/nodes"
echo
"$bin/podium-conductor" 9>&- &
daemon=$!
status=0
wait "$daemon" || status=$?
daemon=''
stop
exit "$status"
