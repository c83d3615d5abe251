#!/usr/bin/env bash
# Sends the zips of make package to the function apps of a deployment, and waits until the form answers. For whoever may write to the apps
# (role Website Contributor on the resource group, which also shows the deployment and the plans), signed in by az login.
#
#   infra/deploy.sh                     the deployment of this azd environment (AZURE_RESOURCE_GROUP and GUESTLIST_... are set)
#   infra/deploy.sh GROUP [DEPLOYMENT]  the deployment of that name, guestlist if none is given, in a resource group
#
# DIST=folder takes zips from elsewhere than dist, for a rollback: the folder of an earlier release.
set -euo pipefail
dist=${DIST:-$(dirname "${BASH_SOURCE[0]}")/../dist}

die() {
  echo "deploy: $*" >&2
  exit 1
}

command -v az >/dev/null || die 'the Azure CLI is needed: https://learn.microsoft.com/cli/azure/install-azure-cli'
az account show --output none || die 'sign in first, by az login; azd auth login signs azd in and not az'
subscription=()
if [ $# -gt 0 ]; then
  group=$1
  deployment=${2:-guestlist}
  outputs=properties.outputs
  # One line, parted by tabs. A dash stands for a name that is empty, since empty fields fall together.
  IFS=$'\t' read -r work form status url < <(
    az deployment group show --resource-group "$group" --name "$deployment" --output tsv --query \
      "[[$outputs.workAppName.value, $outputs.formAppName.value || '-', $outputs.statusAppName.value || '-', $outputs.formUrl.value]]"
  ) || die "there is no deployment $deployment in $group, or it did not end well"
else
  group=${AZURE_RESOURCE_GROUP:-} work=${GUESTLIST_WORK_APP:-} url=${GUESTLIST_FORM_URL:-}
  form=${GUESTLIST_FORM_APP:--} status=${GUESTLIST_STATUS_APP:--}
  # The subscription that azd deployed to, whichever az looks at.
  [ -z "${AZURE_SUBSCRIPTION_ID-}" ] || subscription=(--subscription "$AZURE_SUBSCRIPTION_ID")
fi
if [ -z "$group" ] || [ -z "${work:-}" ] || [ -z "${url:-}" ]; then
  die 'which deployment? infra/deploy.sh GROUP [DEPLOYMENT], or run it by azd'
fi

# What an identity was given a minute ago may not be known everywhere yet, so a refusal is tried again.
send() {
  local app=$1 zip=$dist/$2
  [ -f "$zip" ] || die "$zip is missing: run make package"
  for attempt in 1 2 3 4 5; do
    echo "sending $2 to $app"
    if az functionapp deployment source config-zip --resource-group "$group" --name "$app" --src "$zip" --output none \
      ${subscription[@]+"${subscription[@]}"}; then
      return
    fi
    [ "$attempt" = 5 ] || sleep "${PAUSE:-30}"
  done
  die "$app did not take $2"
}

# Azure runs only the functions that it knows of. On this plan it does not always look into a new package by itself, nor at the first bidding,
# before an instance has taken the package up.
unknown=
register() {
  local app=$1 id list missing name
  shift
  id=$(az functionapp show --resource-group "$group" --name "$app" --query id --output tsv ${subscription[@]+"${subscription[@]}"}) ||
    die "the zips are sent, but $app can't be looked at. That takes the role Website Contributor on $group; with it, run this again"
  for attempt in 1 2 3 4 5 6 7 8; do
    echo "asking Azure to look for the functions of $app"
    az rest --method post --url "$id/host/default/sync?api-version=2025-03-01" --output none || true
    list=$(az functionapp function list --resource-group "$group" --name "$app" --query '[].name' --output tsv ${subscription[@]+"${subscription[@]}"}) || list=
    missing=
    for name in "$@"; do
      grep -qE "(^|/)$name\$" <<<"$list" || missing="$missing $name"
    done
    [ -n "$missing" ] || return 0
    [ "$attempt" = 8 ] || sleep "${PAUSE:-15}"
  done
  unknown="$unknown$missing"
}

if [ "$form" = - ]; then
  send "$work" guestlist.zip
  register "$work" signup-http status-http invite-queue invite-poison upkeep-timer
else
  send "$work" guestlist-work.zip
  send "$status" guestlist-status.zip
  send "$form" guestlist-form.zip
  register "$work" invite-queue invite-poison upkeep-timer
  register "$status" status-http
  register "$form" signup-http
fi

echo "waiting for $url"
for attempt in $(seq 20); do
  if curl --fail --silent --show-error --max-time 30 --output /dev/null "$url"; then
    echo "the form answers: $url"
    [ -z "$unknown" ] || die "Azure does not know of these functions yet, and does not run them:$unknown. Run this again in some minutes"
    exit 0
  fi
  sleep "${PAUSE:-15}"
done
die "the form does not answer; where only certain addresses may reach it, this one may be none of them. docs/deploy.md says where to look"
