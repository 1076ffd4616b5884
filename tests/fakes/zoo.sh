#!/bin/bash
# Processes that are hard to end: below one start command, each in another way. `$1` marks their command lines.
zoo=$1
sh -c 'trap "" TERM INT; while :; do sleep 0.2; done # deaf '"$zoo" &
setsid sh -c 'while :; do sleep 0.2; done # escaped '"$zoo" &
(setsid sh -c 'while :; do sleep 0.2; done # daemon '"$zoo" &)
(setsid env -i sh -c 'while :; do sleep 0.2; done # unmarked '"$zoo" &)
echo "zoo | ready"
echo "zoo | working"
exec sleep 1000
