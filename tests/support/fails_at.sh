#!/bin/sh
# An action script of somebody else's: fails at CRIU's hook $FAILS_AT.
[ "$CRTOOLS_SCRIPT_ACTION" != "$FAILS_AT" ]
