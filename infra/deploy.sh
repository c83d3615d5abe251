#!/usr/bin/env bash
# Sends the zips of make package to the function apps of a deployment, and waits until the form
# answers. Sign in with az login first. Needs the role Website Contributor on the resource group,
# which also allows reading the deployment and the plans.
#
#   infra/deploy.sh                     the deployment of the azd environment, from its variables
#   infra/deploy.sh GROUP [DEPLOYMENT]  a deployment in a resource group; default name: guestlist
#
# DIST=folder takes the zips from another folder than dist, such as an earlier release for a
# rollback.
set -euo pipefail
dist=${DIST:-$(dirname "${BASH_SOURCE[0]}")/../dist}

die() {
  echo "deploy: $*" >&2
  exit 1
}

command -v az >/dev/null || die 'the Azure CLI is needed: https://learn.microsoft.com/cli/azure/install-azure-cli'
az account show --output none || die 'sign in first with az login; azd auth login signs in azd, not az'
subscription=()
if [ $# -gt 0 ]; then
  group=$1
  deployment=${2:-guestlist}
  outputs=properties.outputs
  # One line, separated by tabs. A dash stands for an empty name, because read merges empty
  # fields.
  IFS=$'\t' read -r work form status reviews url < <(
    az deployment group show --resource-group "$group" --name "$deployment" --output tsv --query \
      "[[$outputs.workAppName.value, $outputs.formAppName.value || '-', $outputs.statusAppName.value || '-', $outputs.reviewsAppName.value || '-', $outputs.formUrl.value]]"
  ) || die "there is no deployment $deployment in $group, or it failed"
else
  group=${AZURE_RESOURCE_GROUP:-} work=${GUESTLIST_WORK_APP:-} url=${GUESTLIST_FORM_URL:-}
  form=${GUESTLIST_FORM_APP:--} status=${GUESTLIST_STATUS_APP:--} reviews=${GUESTLIST_REVIEWS_APP:--}
  # azd's subscription, which may differ from that of az.
  [ -z "${AZURE_SUBSCRIPTION_ID-}" ] || subscription=(--subscription "$AZURE_SUBSCRIPTION_ID")
fi
if [ -z "$group" ] || [ -z "${work:-}" ] || [ -z "${url:-}" ]; then
  die 'which deployment? infra/deploy.sh GROUP [DEPLOYMENT], or run it with azd'
fi

# A new role assignment takes effect after some minutes, so try again.
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
  die "$app did not accept $2"
}

# Azure runs only functions that it has found. On this plan it does not always look for them in a
# new package, and not before an instance has loaded the package.
unknown=
register() {
  local app=$1 id list missing name
  shift
  id=$(az functionapp show --resource-group "$group" --name "$app" --query id --output tsv ${subscription[@]+"${subscription[@]}"}) ||
    die "the zips are sent, but $app can't be read. Run this again with the role Website Contributor on $group"
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
  register "$work" signup-http status-http reviews-http invite-queue invite-poison decisions-queue decisions-poison upkeep-timer
else
  send "$work" guestlist-work.zip
  send "$status" guestlist-status.zip
  send "$form" guestlist-form.zip
  register "$work" invite-queue invite-poison decisions-queue decisions-poison upkeep-timer
  register "$status" status-http
  register "$form" signup-http
fi
if [ "$reviews" != - ]; then
  send "$reviews" guestlist-reviews.zip
  register "$reviews" reviews-http
fi

echo "waiting for $url"
for attempt in $(seq 20); do
  if curl --fail --silent --show-error --max-time 30 --output /dev/null "$url"; then
    echo "the form answers: $url"
    [ -z "$unknown" ] || die "Azure has not found these functions yet and does not run them:$unknown. Run this again in a few minutes"
    exit 0
  fi
  sleep "${PAUSE:-15}"
done
die "the form does not answer; if only certain addresses may reach it, this machine's may not be one of them. See docs/deploy.md"
