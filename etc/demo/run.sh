#!/bin/sh
# Starts a rack to try Podium on: 48 simulated BMCs on loopback, enrolled, and the conductor in the foreground.
# "make run" runs it at the repository's root. Everything that it creates is inside .venv. Ctrl-C ends all of it.
set -eu

bin=$PWD/.venv/bin
config=$PWD/.venv/etc/podium/podium.conf
state=$PWD/.venv/var/lib/podium
simulator='' daemon=''

stop() {
    trap '' INT TERM HUP
    # The conductor first, so that it closes its BMC sessions while the BMCs still run.
    for process in $daemon $simulator; do
        kill -TERM "$process" 2>/dev/null || true
        wait "$process" || status=$?
    done
}
interrupted() {
    stop
    exit 0
}
trap interrupted INT TERM HUP

mkdir -p "$state" "${config%/*}"
if [ ! -e "$config" ]; then
    # Takes precedence over /etc/podium/podium.conf, so that a trial never touches a real fleet.
    printf '[conductor]\nsync_power_state_interval = 10\n' >"$config"
fi

# In a session of its own, so that the terminal's Ctrl-C reaches only this script.
rm -f "$state/simulator.ready"
setsid "$bin/podium-sim" --ipmi 48 --nodes-file "$state/rack.yaml" --control "$state/simulator.sock" \
    >"$state/simulator.ready" &
simulator=$!
tries=0
until [ -s "$state/simulator.ready" ]; do
    if ! kill -0 "$simulator" 2>/dev/null || [ "$tries" -ge 100 ]; then
        echo "make run: the simulator did not start; is it running already in another terminal?" >&2
        stop
        exit 1
    fi
    tries=$((tries + 1))
    sleep 0.1
done
cat "$state/simulator.ready"

"$bin/podium" db upgrade
if [ -z "$("$bin/podium" node list -f value -c name)" ]; then
    "$bin/podium" node import "$state/rack.yaml"
fi

echo
echo "    In a second terminal:  .venv/bin/podium node list"
echo
"$bin/podium-conductor" &
daemon=$!
status=0
wait "$daemon" || status=$?
daemon=''
stop
exit "$status"
