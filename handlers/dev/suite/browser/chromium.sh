#!/bin/sh
# Prints the path of the Chromium for the browser tests. With "install" it installs Debian's package
# if none is found. CHROMIUM=/path names one. The tests call this script too.
set -eu

find_one() {
	if [ -n "${CHROMIUM:-}" ]; then
		[ -x "$CHROMIUM" ] && [ -f "$CHROMIUM" ] && printf '%s\n' "$CHROMIUM" && return
		echo "CHROMIUM=$CHROMIUM can't be started: set it to a Chromium or Chrome, or unset it" >&2
		exit 1
	fi
	for name in chromium chromium-browser google-chrome-stable google-chrome chrome \
		'/Applications/Chromium.app/Contents/MacOS/Chromium' '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome'; do
		command -v "$name" && return
	done
	return 1
}

if find_one; then
	exit
fi
if [ "${1:-}" != install ]; then
	echo 'no Chromium is installed: run make setup, or set CHROMIUM to the path of a Chromium or Chrome' >&2
	exit 1
fi
if ! command -v apt-get >/dev/null || [ "$(id -u)" != 0 ]; then
	echo 'The browser tests need Chromium or Chrome, and none is found. Install one and run this again:' >&2
	echo '  Debian, Ubuntu: sudo apt-get install chromium    Fedora: sudo dnf install chromium    macOS: brew install --cask google-chrome' >&2
	echo 'One that is installed elsewhere is taken by CHROMIUM=/path/to/it make test.' >&2
	exit 1
fi
echo 'installing Chromium' >&2
# The fonts have the scripts of the form's languages; without them the layout is tested on boxes.
export DEBIAN_FRONTEND=noninteractive
{
	apt-get update -qq &&
		apt-get install -y -qq --no-install-recommends -o DPkg::Lock::Timeout=600 chromium fonts-dejavu-core fonts-droid-fallback
} >&2
find_one || { echo 'Chromium was installed and is not on the PATH: set CHROMIUM to its path' >&2; exit 1; }
